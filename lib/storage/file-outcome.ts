import { WxCloudStorageError } from '../errors/errors.js';
import type { FileIdScope } from '../file-id/file-id.js';
import { judgeItemStatus } from '../wechat/api-errors.js';
import { type BatchItemStatus, malformed } from '../wechat/endpoints.js';

/** The outcome for one file of a list: its result, or its own error. */
export type WxCloudFileOutcome<Result> = FileSuccess<Result> | FileFailure;

/** The success of one file, with its result. */
type FileSuccess<Result> = {
  /** The file ID, as given by the caller. */
  readonly fileId: string;
  /** True for a success. */
  readonly ok: true;
} & Result;

/** The failure of one file. */
interface FileFailure {
  /** The file ID, as given by the caller. */
  readonly fileId: string;
  /** False for a failure. */
  readonly ok: false;
  /** The error of this file. */
  readonly error: WxCloudStorageError;
}

/**
 * Processes a list of files: one outcome each, in order. A foreign or malformed ID fails by itself,
 * before any call; `work` gets the others.
 */
export async function settleEach<Result>(
  fileIdScope: FileIdScope,
  fileIds: readonly string[],
  work: (accepted: readonly string[]) => Promise<readonly WxCloudFileOutcome<Result>[]>,
): Promise<readonly WxCloudFileOutcome<Result>[]> {
  const outcomes = fileIds.map(fileId => refuse<Result>(fileId, () => fileIdScope.parse(fileId)));
  const accepted = fileIds.flatMap((_, index) => (outcomes[index] === undefined ? [index] : []));
  const settled = await work(accepted.map(index => fileIds[index] ?? ''));
  accepted.forEach((index, position) => (outcomes[index] = settled[position]));
  return outcomes.filter(outcome => outcome !== undefined);
}

/**
 * Returns the result of the only outcome in a list of one.
 * @throws {@link WxCloudStorageError} the file's error
 */
export function unwrap<Result>(
  outcomes: readonly WxCloudFileOutcome<Result>[],
): FileSuccess<Result> {
  const [outcome] = outcomes as readonly [WxCloudFileOutcome<Result>];
  if (outcome.ok) return outcome;
  throw outcome.error;
}

/** Converts an error into the outcome of a file. Errors of other packages are thrown. */
export function failure(fileId: string, error: unknown): FileFailure {
  if (error instanceof WxCloudStorageError) return { fileId, ok: false, error };
  throw error;
}

/**
 * Returns the failure of a file by its item in a batch response; `attempted` begins its message.
 * Without a matching item the error is retryable, as another response may have one.
 */
export function itemFailure(
  fileId: string,
  endpoint: string,
  attempted: string,
  item: BatchItemStatus | undefined,
): FileFailure {
  if (item === undefined || Number.isNaN(item.status)) {
    const error = malformed(endpoint, `${attempted}, as no item in the response matches it`);
    return { fileId, ok: false, error };
  }
  const { status, errmsg } = item;
  const { code, retryable, advice } = judgeItemStatus(status);
  const error = new WxCloudStorageError({
    code,
    message: `${endpoint}: ${attempted}: ${status} (${errmsg}). ${advice}`,
    retryable,
    errcode: status,
    errmsg,
    endpoint,
  });
  return { fileId, ok: false, error };
}

function refuse<Result>(
  fileId: string,
  check: () => unknown,
): WxCloudFileOutcome<Result> | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return failure(fileId, error);
  }
}
