import { setImmediate, setTimeout } from 'node:timers';
import { createSharedController, untilAborted } from '../transport/index.js';
import { inBatches, toBatches } from './batches.js';

/** What tells one kind of batch from another. */
export interface BatchGathererParts<Item, Result> {
  /** For how many milliseconds items are gathered; 0 for one turn of the event loop. */
  readonly windowMs: number;
  /** Items with the same key are asked for once. */
  readonly keyOf: (item: Item) => string;
  /** Items of one group are never in one request. */
  readonly groupOf: (item: Item) => string;
  /** Asks for at most 50 items; resolves with a result for each, in order. Rejects only when it was aborted. */
  readonly request: (items: readonly Item[], signal: AbortSignal) => Promise<readonly Result[]>;
  /** Has items asked for again whose result may pass. @defaultValue none is */
  readonly repeats?: BatchRepeats<Result>;
}

/** When items are asked for again. */
export interface BatchRepeats<Result> {
  /** True when another request may bring a better result. */
  readonly isTransient: (result: Result) => boolean;
  /** Number of requests for an item in all. */
  readonly attempts: number;
  /** Waits before the request after the given one, counted from 1; rejects when it is aborted. */
  readonly pause: (attempt: number, signal: AbortSignal) => Promise<void>;
}

/** Something that callers wait for. */
interface Entry<Item, Result> {
  readonly item: Item;
  readonly key: string;
  readonly result: Promise<Result>;
  readonly settle: (result: Result | Promise<Result>) => void;
  /** How many calls wait for it. */
  waiting: number;
  /** Ends the request that it is part of, when nobody waits for any part of it; undefined before the request. */
  leave: (() => void) | undefined;
}

/**
 * Gathers what callers ask for at the same time into few requests of up to 50 items. Every caller waits within its own
 * time only, and a request ends early once nobody waits for it any more.
 */
export class BatchGatherer<Item, Result> {
  readonly #parts: BatchGathererParts<Item, Result>;
  #gathered = new Map<string, Entry<Item, Result>>();

  /** Makes no request yet. */
  constructor(parts: BatchGathererParts<Item, Result>) {
    this.#parts = parts;
  }

  /** Asks for a list of items, together with what others ask for: one result each, in order. */
  async ask(items: readonly Item[], signal: AbortSignal): Promise<readonly Result[]> {
    signal.throwIfAborted();
    const entries = items.map(item => this.#join(item));
    try {
      const results = Promise.all(entries.map(({ result }) => result));
      return await untilAborted(results, signal);
    } finally {
      for (const entry of entries) this.#leave(entry);
    }
  }

  #join(item: Item): Entry<Item, Result> {
    const key = this.#parts.keyOf(item);
    const entry = this.#gathered.get(key) ?? this.#gather(item, key);
    entry.waiting += 1;
    return entry;
  }

  #gather(item: Item, key: string): Entry<Item, Result> {
    if (this.#gathered.size === 0) this.#schedule();
    let settle: Entry<Item, Result>['settle'] = () => {};
    const result = new Promise<Result>(resolve => (settle = resolve));
    const entry = { item, key, result, settle, waiting: 0, leave: undefined };
    this.#gathered.set(key, entry);
    return entry;
  }

  #schedule(): void {
    const { windowMs } = this.#parts;
    const flush = (): void => this.#flush();
    if (windowMs === 0) setImmediate(flush);
    else setTimeout(flush, windowMs);
  }

  #flush(): void {
    const entries = [...this.#gathered.values()];
    this.#gathered = new Map();
    const batches = toBatches(entries, ({ item }) => this.#parts.groupOf(item));
    void inBatches(batches, batch => this.#request(batch.filter(isAwaited)));
  }

  /** Never rejects: how it ended is each entry's own result. */
  async #request(entries: readonly Entry<Item, Result>[]): Promise<void> {
    if (entries.length === 0) return;
    const controller = createSharedController();
    let awaited = entries.length;
    const leave = (): void => {
      awaited -= 1;
      if (awaited === 0) controller.abort(new Error('Nobody waits for the answer any more.'));
    };
    for (const entry of entries) entry.leave = leave;
    const { signal } = controller;
    const settled = this.#settle(entries, signal);
    await settled.catch(() => {});
    // Takes effect where there is no result yet: it has ended early, and each caller is told why.
    for (const { settle } of entries) settle(settled as Promise<never>);
  }

  /** Settles every entry as soon as its result is final; only the others are asked for again. */
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
