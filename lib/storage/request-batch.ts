import { WxCloudStorageError } from '../errors/index.js';
import { failure, type FileOutcome } from './file-outcome.js';

/** One request for several files. */
export interface BatchRequest<Item, Result> {
  /** What is asked for each file; at least one. */
  readonly items: readonly Item[];
  /** The file that an item is about. */
  readonly fileIdOf: (item: Item) => string;
  /** Sends the request. */
  readonly send: (items: readonly Item[]) => Promise<readonly FileOutcome<Result>[]>;
  /** Ends the request. */
  readonly signal: AbortSignal;
}

/**
 * The errors of a whole call that a single file may be the cause of: a parameter, a resource, a permission.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/reference/errcode.html
 */
const PERHAPS_ONE_FILE: readonly (number | undefined)[] = [
  40_097, -501_007, -501_009, -501_023, -503_002, -503_003, -601_002,
];

/**
 * Asks for several files in one call: one outcome each, in order. Callers who do not know of each other share it, so a
 * call that fails for what may be one file's doing is split until that file's caller alone is told.
 */
export async function requestBatch<Item, Result>(
  batch: BatchRequest<Item, Result>,
): Promise<readonly FileOutcome<Result>[]> {
  const { results, error } = await attempt(batch);
  return results ?? settleFailed(batch, error);
}

interface Attempt<Result> {
  readonly results?: readonly FileOutcome<Result>[];
  readonly error?: unknown;
}

async function attempt<Item, Result>({
  items,
  send,
  signal,
}: BatchRequest<Item, Result>): Promise<Attempt<Result>> {
  try {
    return { results: await send(items) };
  } catch (error) {
    signal.throwIfAborted();
    return { error };
  }
}

async function settleFailed<Item, Result>(
  batch: BatchRequest<Item, Result>,
  error: unknown,
): Promise<readonly FileOutcome<Result>[]> {
  const { items, fileIdOf } = batch;
  const outcomes = items.map(item => failure(fileIdOf(item), error));
  if (items.length === 1 || !isPerhapsOfOneFile(error)) return outcomes;
  const middle = Math.ceil(items.length / 2);
  const halves = [items.slice(0, middle), items.slice(middle)].map(half => ({
    ...batch,
    items: half,
  }));
  const attempts = await Promise.all(halves.map(half => attempt(half)));
  // Both halves: then it is not for one file, and to go on would only cost calls.
  if (attempts.every(({ results }) => results === undefined)) return outcomes;
  const parts = halves.map((half, index) => {
    const { results, error: reason } = attempts[index] ?? {};
    return results ?? settleFailed(half, reason);
  });
  return (await Promise.all(parts)).flat();
}

function isPerhapsOfOneFile(error: unknown): boolean {
  return (
    error instanceof WxCloudStorageError &&
    !error.retryable &&
    PERHAPS_ONE_FILE.includes(error.errcode)
  );
}
