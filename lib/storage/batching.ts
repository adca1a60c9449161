import { setImmediate, setTimeout } from 'node:timers';
import { captureOperation, runForAll, type WaitingOperation } from '../diagnostics.js';
import { WxCloudStorageError } from '../errors/errors.js';
import { createSharedController, untilAborted } from '../operations/deadline.js';
import { BATCH_LIMIT } from '../wechat/endpoints.js';
import { failure, type WxCloudFileOutcome } from './file-outcome.js';

/** Number of concurrent calls for one list. */
const PARALLEL_CALLS = 8;

/**
 * Error codes of a whole call that a single file may cause: a parameter, a resource, a permission.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/reference/errcode.html
 */
const PERHAPS_ONE_FILE: readonly (number | undefined)[] = [
  40_097, -501_007, -501_009, -501_023, -503_002, -503_003, -601_002,
];
/**
 * Number of files that are requested alone, to find out if the call fails for other reasons than
 * one file.
 */
const TRIALS = 2;

/**
 * Splits a list of any length into batches of at most 50, the limit of the API. Items of one group
 * never share a batch, as the response could not tell them apart.
 */
export function toBatches<Item>(
  items: readonly Item[],
  groupOf: (item: Item) => string,
): readonly (readonly Item[])[] {
  const lanes: Item[][] = [];
  const seen = new Map<string, number>();
  for (const item of items) {
    const group = groupOf(item);
    const lane = seen.get(group) ?? 0;
    seen.set(group, lane + 1);
    (lanes[lane] ??= []).push(item);
  }
  return lanes.flatMap(lane => slice(lane));
}

function slice<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  const count = Math.ceil(items.length / BATCH_LIMIT);
  return Array.from({ length: count }, (_, index) =>
    items.slice(index * BATCH_LIMIT, (index + 1) * BATCH_LIMIT),
  );
}

/** Processes batches in order, a few at a time. */
export async function inBatches<Item>(
  batches: readonly (readonly Item[])[],
  work: (batch: readonly Item[]) => Promise<void>,
): Promise<void> {
  const queue = batches.values();
  const workOff = async (): Promise<void> => {
    for (const batch of queue) await work(batch);
  };
  await Promise.all(Array.from({ length: PARALLEL_CALLS }, workOff));
}

/** One request for several files. */
interface BatchRequest<Item, Result> {
  /** The items to request; at least one. */
  readonly items: readonly Item[];
  /** The file ID of an item. */
  readonly fileIdOf: (item: Item) => string;
  /** Sends the request. */
  readonly send: (items: readonly Item[]) => Promise<readonly WxCloudFileOutcome<Result>[]>;
  /** Ends the request. */
  readonly signal: AbortSignal;
  /**
   * Random numbers from 0 to below 1, to pick files.
   * @defaultValue Math.random
   */
  readonly random?: () => number;
}

/**
 * Requests several files in one call: one outcome each, in order. Independent callers share a call.
 * So if one file may have caused the failure, the batch is split until only that file fails. First,
 * two random files are requested alone; when both fail, the failure counts as a general one, and
 * all files fail.
 */
export async function sendSplittingOnError<Item, Result>(
  batch: BatchRequest<Item, Result>,
): Promise<readonly WxCloudFileOutcome<Result>[]> {
  const { items, random } = batch;
  const whole = await tryBatch(batch, items);
  if (!whole.isPerhapsOneFile || items.length === 1) return whole.outcomes;
  const [picked, rest] = pick(items, random);
  const trials = await Promise.all(picked.map(item => tryBatch(batch, [item])));
  const failed = trials.filter(({ isPerhapsOneFile }) => isPerhapsOneFile).length;
  const isAboutAll = failed === TRIALS && rest.length > TRIALS && !isMissing(whole);
  const others = isAboutAll ? failAll(batch, rest, whole) : await split(batch, rest, failed === 0);
  const found = [...trials.flatMap(({ outcomes }) => outcomes), ...others];
  const outcomeOf = new Map([...picked, ...rest].map((item, index) => [item, found[index]]));
  return items.flatMap(item => outcomeOf.get(item) ?? []);
}

/** The result of one call. */
interface Attempt<Result> {
  readonly outcomes: readonly WxCloudFileOutcome<Result>[];
  /** True when one file may have caused the failure of the call. */
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

/** Picks two random items. Returns them and the others. */
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
): readonly WxCloudFileOutcome<Result>[] {
  return items.flatMap(item => (first ? { ...first, fileId: fileIdOf(item) } : []));
}

/** True when a file is missing, which never concerns all files. */
function isMissing({ outcomes: [first] }: Attempt<unknown>): boolean {
  return first?.ok === false && first.error.code === 'WX_CLOUD_FILE_NOT_FOUND';
}

/** `isKnownToFail` skips the call for all items, which would only fail again. */
async function split<Item, Result>(
  batch: BatchRequest<Item, Result>,
  items: readonly Item[],
  isKnownToFail: boolean,
): Promise<readonly WxCloudFileOutcome<Result>[]> {
  if (items.length === 0) return [];
  if (!isKnownToFail || items.length === 1) {
    const { outcomes, isPerhapsOneFile } = await tryBatch(batch, items);
    if (!isPerhapsOneFile || items.length === 1) return outcomes;
  }
  const middle = Math.ceil(items.length / 2);
  const halves = [items.slice(0, middle), items.slice(middle)];
  const parts = halves.map(half => split(batch, half, false));
  return (await Promise.all(parts)).flat();
}

function isPerhapsOfOneFile(error: unknown): boolean {
  return (
    error instanceof WxCloudStorageError &&
    !error.retryable &&
    PERHAPS_ONE_FILE.includes(error.errcode)
  );
}

/** Number of requests under way from which a batcher collects items for longer. */
const BUSY_CALLS = 2;

/** Options of a batcher. */
interface RequestBatcherParts<Item, Result> {
  /** Time to collect items, in milliseconds; 0 for one turn of the event loop. */
  readonly windowMs: number;
  /**
   * Time to collect items while {@link BUSY_CALLS} requests are under way, in milliseconds; the end
   * of one ends it. The more is asked for, the more shares a request.
   * @defaultValue `windowMs`
   */
  readonly busyWindowMs?: number;
  /** Items with the same key are requested once. */
  readonly keyOf: (item: Item) => string;
  /** Items of one group never share a request. */
  readonly groupOf: (item: Item) => string;
  /**
   * Requests at most 50 items; resolves with a result for each, in order. Rejects only on an abort.
   */
  readonly request: (items: readonly Item[], signal: AbortSignal) => Promise<readonly Result[]>;
  /**
   * Repeats requests for items with a transient result.
   * @defaultValue no repeats
   */
  readonly repeats?: {
    /** True when another request may bring a better result. */
    readonly isTransient: (result: Result) => boolean;
    /** Number of requests for an item in all. */
    readonly attempts: number;
    /** Waits before the request after the given one, counted from 1; rejects when aborted. */
    readonly pause: (attempt: number, signal: AbortSignal) => Promise<void>;
  };
}

/** An item that callers wait for. */
interface Entry<Item, Result> {
  readonly item: Item;
  readonly key: string;
  readonly result: Promise<Result>;
  readonly settle: (result: Result | Promise<Result>) => void;
  /** Number of waiting calls. */
  waiting: number;
  /** The traced operations among them; undefined without any. */
  operations: WaitingOperation[] | undefined;
  /**
   * Called when the last call stops waiting, to abort a request without waiting calls; undefined
   * before the request.
   */
  leave: (() => void) | undefined;
}

/**
 * Batches concurrent requests, up to 50 items per call. Each caller waits within its own time
 * limit. A request without waiting callers is aborted.
 */
export class RequestBatcher<Item, Result> {
  readonly #parts: RequestBatcherParts<Item, Result>;
  #gathered = new Map<string, Entry<Item, Result>>();
  #running = 0;
  /** The timer of a longer collection. */
  #busyTimer: NodeJS.Timeout | undefined;

  /** Sends no request yet. */
  constructor(parts: RequestBatcherParts<Item, Result>) {
    this.#parts = parts;
  }

  /** Requests a list of items in shared batches: one result each, in order. */
  async ask(items: readonly Item[], signal: AbortSignal): Promise<readonly Result[]> {
    signal.throwIfAborted();
    const operation = captureOperation();
    const entries = items.map(item => this.#join(item, operation));
    try {
      const results = Promise.all(entries.map(({ result }) => result));
      return await untilAborted(results, signal);
    } finally {
      for (const entry of entries) this.#leave(entry);
    }
  }

  #join(item: Item, operation: WaitingOperation | undefined): Entry<Item, Result> {
    const key = this.#parts.keyOf(item);
    const entry = this.#gathered.get(key) ?? this.#gather(item, key);
    entry.waiting += 1;
    if (operation !== undefined) (entry.operations ??= []).push(operation);
    return entry;
  }

  #gather(item: Item, key: string): Entry<Item, Result> {
    if (this.#gathered.size === 0) this.#schedule();
    let settle: Entry<Item, Result>['settle'] = () => {};
    const result = new Promise<Result>(resolve => (settle = resolve));
    const entry = {
      item,
      key,
      result,
      settle,
      waiting: 0,
      operations: undefined,
      leave: undefined,
    };
    this.#gathered.set(key, entry);
    return entry;
  }

  #schedule(): void {
    const { windowMs, busyWindowMs } = this.#parts;
    const flush = (): void => this.#flush();
    if (busyWindowMs !== undefined && this.#running >= BUSY_CALLS) {
      this.#busyTimer = setTimeout(flush, busyWindowMs);
    } else if (windowMs === 0) setImmediate(flush);
    else setTimeout(flush, windowMs);
  }

  #flush(): void {
    clearTimeout(this.#busyTimer);
    this.#busyTimer = undefined;
    const entries = [...this.#gathered.values()];
    this.#gathered = new Map();
    const batches = toBatches(entries, ({ item }) => this.#parts.groupOf(item));
    void inBatches(batches, batch => this.#run(batch.filter(isAwaited)));
  }

  async #run(entries: readonly Entry<Item, Result>[]): Promise<void> {
    this.#running += 1;
    const operations = entries.flatMap(entry => entry.operations ?? []);
    await runForAll(operations, () => this.#request(entries));
    this.#running -= 1;
    if (this.#busyTimer !== undefined) this.#flush();
  }

  /** Sends one batch. Never rejects; the outcome is in the result of each entry. */
  async #request(entries: readonly Entry<Item, Result>[]): Promise<void> {
    if (entries.length === 0) return;
    const controller = createSharedController();
    let awaited = entries.length;
    const leave = (): void => {
      awaited -= 1;
      if (awaited === 0) controller.abort(new Error('No caller waits for the response any more.'));
    };
    for (const entry of entries) entry.leave = leave;
    const { signal } = controller;
    const settled = this.#settle(entries, signal);
    await settled.catch(() => {});
    // Only affects entries without a result: the request has ended early, with its reason.
    for (const { settle } of entries) settle(settled as Promise<never>);
  }

  /** Settles each entry as soon as its result is final. Only the others are requested again. */
  async #settle(entries: readonly Entry<Item, Result>[], signal: AbortSignal): Promise<void> {
    const { request, repeats } = this.#parts;
    let pending = entries;
    for (let attempt = 1; pending.length > 0; attempt += 1) {
      const asked = pending;
      const items = asked.map(({ item }) => item);
      const results = await request(items, signal);
      const isLast = repeats === undefined || attempt >= repeats.attempts;
      const isFinal = (result: Result): boolean => isLast || !repeats.isTransient(result);
      asked.forEach(({ settle }, index) => {
        const result = results[index] as Result;
        if (isFinal(result)) settle(result);
      });
      pending = asked.filter((_, index) => !isFinal(results[index] as Result));
      if (pending.length > 0) await repeats?.pause(attempt, signal);
      pending = pending.filter(isAwaited);
    }
  }

  #leave(entry: Entry<Item, Result>): void {
    entry.waiting -= 1;
    if (entry.waiting === 0) entry.leave?.();
  }
}

function isAwaited({ waiting }: { readonly waiting: number }): boolean {
  return waiting > 0;
}
