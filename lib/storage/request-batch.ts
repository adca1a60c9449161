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
  /** From 0 to below 1, to pick files. @defaultValue Math.random */
  readonly random?: () => number;
}

/**
 * The errors of a whole call that a single file may be the cause of: a parameter, a resource, a permission.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/reference/errcode.html
 */
const PERHAPS_ONE_FILE: readonly (number | undefined)[] = [
  40_097, -501_007, -501_009, -501_023, -503_002, -503_003, -601_002,
];
/**
 * So many files are asked for alone, to see whether the call fails for other reasons than a file.
 */
const TRIALS = 2;

/**
 * Asks for several files in one call: one outcome each, in order. Callers who do not know of each
 * other share it, so a call that fails for what may be one file's doing is split until that file's
 * caller alone is told. First two files at random are asked for alone: when both fail, it is taken
 * to be about more than single files, and all of them fail.
 */
export async function requestBatch<Item, Result>(
  batch: BatchRequest<Item, Result>,
): Promise<readonly FileOutcome<Result>[]> {
  const { items, random } = batch;
  const whole = await tryBatch(batch, items);
  if (!whole.isPerhapsOneFile || items.length === 1) return whole.outcomes;
  const [picked, rest] = pick(items, random);
  const trials = await Promise.all(picked.map(item => tryBatch(batch, [item])));
  const failed = trials.filter(({ isPerhapsOneFile }) => isPerhapsOneFile).length;
  const isAboutAll = failed === TRIALS && rest.length > TRIALS && !isMissing(whole);
  const others = isAboutAll
    ? failAll(batch, rest, whole)
    : await split(batch, { items: rest, isKnownToFail: failed === 0 });
  const found = [...trials.flatMap(({ outcomes }) => outcomes), ...others];
  const outcomeOf = new Map([...picked, ...rest].map((item, index) => [item, found[index]]));
  return items.flatMap(item => outcomeOf.get(item) ?? []);
}

/** The end of one call. */
interface Attempt<Result> {
  readonly outcomes: readonly FileOutcome<Result>[];
  /** True when the call failed for what may be one file's doing. */
  readonly isPerhapsOneFile: boolean;
}

async function tryBatch<Item, Result>(
  { send, fileIdOf, signal }: BatchRequest<Item, Result>,
  items: readonly Item[],
): Promise<Attempt<Result>> {
  try {
    return { outcomes: await send(items), isPerhapsOneFile: false };
  } catch (error) {
    signal.throwIfAborted();
    const outcomes = items.map(item => failure(fileIdOf(item), error));
    return { outcomes, isPerhapsOneFile: isPerhapsOfOneFile(error) };
  }
}

/** Two items at random, and the others. */
function pick<Item>(
  items: readonly Item[],
  random = Math.random,
): readonly [picked: readonly Item[], rest: readonly Item[]] {
  const rest = [...items];
  const picked = Array.from({ length: TRIALS }, () =>
    rest.splice(Math.floor(random() * rest.length), 1),
  );
  return [picked.flat(), rest];
}

function failAll<Item, Result>(
  { fileIdOf }: BatchRequest<Item, Result>,
  items: readonly Item[],
  { outcomes: [first] }: Attempt<Result>,
): readonly FileOutcome<Result>[] {
  return items.flatMap(item => (first ? { ...first, fileId: fileIdOf(item) } : []));
}

/** That a file is missing is never about all of them. */
function isMissing({ outcomes: [first] }: Attempt<unknown>): boolean {
  return first?.ok === false && first.error.code === 'WX_CLOUD_FILE_NOT_FOUND';
}

interface Part<Item> {
  readonly items: readonly Item[];
  /** True when a call for all of them would fail, so that it need not be made. */
  readonly isKnownToFail: boolean;
}

async function split<Item, Result>(
  batch: BatchRequest<Item, Result>,
  { items, isKnownToFail }: Part<Item>,
): Promise<readonly FileOutcome<Result>[]> {
  if (items.length === 0) return [];
  if (!isKnownToFail || items.length === 1) {
    const { outcomes, isPerhapsOneFile } = await tryBatch(batch, items);
    if (!isPerhapsOneFile || items.length === 1) return outcomes;
  }
  const middle = Math.ceil(items.length / 2);
  const halves = [items.slice(0, middle), items.slice(middle)];
  const parts = halves.map(half => split(batch, { items: half, isKnownToFail: false }));
  return (await Promise.all(parts)).flat();
}

function isPerhapsOfOneFile(error: unknown): boolean {
  return (
    error instanceof WxCloudStorageError &&
    !error.retryable &&
    PERHAPS_ONE_FILE.includes(error.errcode)
  );
}
