import { WxCloudStorageError } from '../errors/errors.js';
import type { FileIdScope } from '../file-id/file-id.js';
import { judgeItemStatus } from '../wechat/api-errors.js';
import { type BatchItemStatus, malformed } from '../wechat/endpoints.js';

/** What became of one file of a list: its result, or the error that concerns it alone. */
export type WxCloudFileOutcome<Result> = FileSuccess<Result> | FileFailure;

/** One file of a list for which all went well, with its result. */
type FileSuccess<Result> = FileOk & Result;

/** What says that all went well for one file. */
interface FileOk {
  /** The file ID, as it was given. */
  readonly fileId: string;
  /** Tells a success from a failure. */
  readonly ok: true;
}

/** One file of a list for which it did not go well. */
interface FileFailure {
  /** The file ID, as it was given. */
  readonly fileId: string;
  /** Tells a success from a failure. */
  readonly ok: false;
  /** What went wrong with this file. */
  readonly error: WxCloudStorageError;
}

/**
 * Has a list of files worked on: one outcome each, in order. An ID that is not the instance's own
 * fails by itself, before any call; `work` is given the others.
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
 * The result of the only outcome of a list of one.
 * @throws {@link WxCloudStorageError} the file's error
 */
export function unwrap<Result>(
  outcomes: readonly WxCloudFileOutcome<Result>[],
): FileSuccess<Result> {
  const [outcome] = outcomes as readonly [WxCloudFileOutcome<Result>];
  if (outcome.ok) return outcome;
  throw outcome.error;
}

/**
 * The outcome of a file that something went wrong with. What is no error of this package is thrown.
 */
export function failure(fileId: string, error: unknown): FileFailure {
  if (error instanceof WxCloudStorageError) return { fileId, ok: false, error };
  throw error;
}

/**
 * The outcome of a file whose item in a batch answer says that it went wrong, or of which the
 * answer says nothing that can be told to be about it: another answer may.
 */
export function itemFailure(
  fileId: string,
  endpoint: string,
  attempted: string,
  item: BatchItemStatus | undefined,
): FileFailure {
  if (item === undefined || Number.isNaN(item.status)) {
    const error = malformed(endpoint, `${attempted}, as no item of the list can be told to be its`);
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
