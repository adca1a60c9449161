import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { WxCloudStorageError } from '../errors/errors.js';
import { MAX_TIMER_MS } from '../options/validation.js';
import { type Deadline, startDeadline } from './deadline.js';

/** Time limit for the clean-up of an ended operation: a pending response, then the deletion. */
const LONGEST_CLEANUP_MS = 15_000;

/**
 * Time in which running operations may end by themselves during the shutdown, so that the whole
 * shutdown takes 10 s.
 */
const SHUTDOWN_GRACE_MS = 9_000;

/** A set of pending items that can be waited for. */
class PendingSet<T> {
  readonly #items = new Set<T>();
  #waiting: (() => void)[] = [];

  /** The number of pending items. */
  get size(): number {
    return this.#items.size;
  }

  /** Adds an item. */
  add(item: T): void {
    this.#items.add(item);
  }

  /** Removes an item; after the last one, all waits end. */
  delete(item: T): void {
    this.#items.delete(item);
    if (this.#items.size > 0) return;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves once the set is empty. */
  whenEmpty(): Promise<void> {
    if (this.#items.size === 0) return Promise.resolve();
    return new Promise(resolve => this.#waiting.push(resolve));
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }
}

/** Options of every method of the service. */
export interface WxCloudCallOptions {
  /**
   * Ends the call, which then rejects with `WX_CLOUD_REQUEST_ABORTED`.
   * @defaultValue none
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Time limit for the call in milliseconds, from 1. An upload whose object has to be deleted again
   * takes up to 13 seconds more.
   * @defaultValue `timeouts.totalMs`
   */
  readonly timeoutMs?: number | undefined;
}

/**
 * Limits the time of operations, knows the running ones, and ends them when the application shuts
 * down.
 */
export class OperationRegistry {
  readonly #totalMs: number;
  readonly #nowMs: () => number;
  readonly #running = new PendingSet<Deadline>();
  readonly #cleanups = new PendingSet<Deadline>();
  readonly #held = new PendingSet<object>();
  #endsAtMs: number | undefined;
  #endTimer: NodeJS.Timeout | undefined;
  /** The error of operations after the shutdown. */
  #closed: WxCloudStorageError | undefined;
  #closedError = applicationCloses;
  #lastUsedMs: number;

  /**
   * Creates a registry. `totalMs` limits operations whose callers set no limit; `nowMs` is a
   * monotonic clock.
   */
  constructor(totalMs: number, nowMs = (): number => performance.now()) {
    this.#totalMs = totalMs;
    this.#nowMs = nowMs;
    this.#lastUsedMs = nowMs();
  }

  /**
   * Time in milliseconds since the last operation, clean-up or held file has ended, or since
   * {@link OperationRegistry.touch}; 0 while there is one.
   */
  get idleMs(): number {
    const isIdle = [this.#running, this.#cleanups, this.#held].every(({ size }) => size === 0);
    return isIdle ? this.#nowMs() - this.#lastUsedMs : 0;
  }

  /** Counts as a use. */
  touch(): void {
    this.#lastUsedMs = this.#nowMs();
  }

  /**
   * Starts an operation that outlives one promise, such as a download; it runs until it is disposed
   * of.
   */
  start(operation: string, { signal, timeoutMs = this.#totalMs }: WxCloudCallOptions): Deadline {
    assertTimeout(timeoutMs);
    assertSignal(signal);
    const deadline = startDeadline(operation, timeoutMs, signal);
    if (this.#closed !== undefined) deadline.end(this.#closed);
    this.#running.add(deadline);
    const dispose = (): void => {
      deadline.dispose();
      this.#running.delete(deadline);
      this.touch();
    };
    return { signal: deadline.signal, end: deadline.end, dispose };
  }

  /**
   * Keeps {@link OperationRegistry.close} waiting until the returned function is called: for files
   * that may still have to be deleted.
   */
  hold(): () => void {
    const held = {};
    this.#held.add(held);
    return () => {
      this.#held.delete(held);
      this.touch();
    };
  }

  /**
   * Runs an operation within its time limit.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_STORAGE_CLOSED` after the shutdown
   */
  async run<T>(
    operation: string,
    options: WxCloudCallOptions,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const deadline = this.start(operation, options);
    try {
      deadline.signal.throwIfAborted();
      return await work(deadline.signal);
    } finally {
      deadline.dispose();
    }
  }

  /** Runs a clean-up with its own time limit, during the shutdown too. */
  async runCleanup<T>(
    operation: string,
    timeoutMs: number,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const deadline = startDeadline(operation, timeoutMs);
    this.#cleanups.add(deadline);
    try {
      return await work(deadline.signal);
    } finally {
      deadline.dispose();
      this.#cleanups.delete(deadline);
      this.touch();
    }
  }

  /**
   * Starts the shutdown: operations that still run after `graceMs` are ended then, whatever else
   * the shutdown waits for. `closedError` makes the error of those and of all further operations.
   */
  startClosing(graceMs = SHUTDOWN_GRACE_MS, closedError = applicationCloses): void {
    if (this.#endsAtMs !== undefined) return;
    this.#closedError = closedError;
    this.#endsAtMs = performance.now() + graceMs;
    this.#endTimer = setTimeout(() => this.#end(), graceMs).unref();
  }

  /**
   * Waits until nothing runs, no longer than the grace time; then ends the remaining operations and
   * waits for their clean-up. With `waitsForHeld`, the grace time is also for requests that hold
   * files, as their handlers may make further calls.
   */
  async drain({ waitsForHeld = false } = {}): Promise<void> {
    this.startClosing();
    const graceMs = Math.max(0, (this.#endsAtMs ?? 0) - performance.now());
    const running = [this.#running, this.#cleanups];
    await untilEmpty(waitsForHeld ? [...running, this.#held] : running, graceMs);
    if (running.every(({ size }) => size === 0)) return;
    this.#end();
    await untilEmpty(running, LONGEST_CLEANUP_MS);
  }

  /**
   * Refuses every further operation, ends the running ones, and waits for their clean-up and for
   * held files.
   */
  async close(): Promise<void> {
    clearTimeout(this.#endTimer);
    this.#end();
    await untilEmpty([this.#running, this.#cleanups, this.#held], LONGEST_CLEANUP_MS);
  }

  #end(): void {
    this.#closed ??= this.#closedError();
    for (const { end } of this.#running) end(this.#closed);
  }
}

async function untilEmpty(sets: readonly PendingSet<unknown>[], longestMs: number): Promise<void> {
  const clock = new AbortController();
  const timeIsUp = delay(longestMs, true, { signal: clock.signal }).catch(() => true);
  // The end of one item may have started another.
  while (sets.some(({ size }) => size > 0)) {
    const empty = Promise.all(sets.map(set => set.whenEmpty()));
    if ((await Promise.race([empty, timeIsUp])) === true) break;
  }
  clock.abort();
}

function assertTimeout(timeoutMs: number): void {
  if (Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= MAX_TIMER_MS) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      'timeoutMs must be a whole number of milliseconds from 1 to 2147483647. Leave it out for the default.',
  });
}

/** Checks a signal by its shape, so that signals of other realms pass. */
function assertSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof signal?.addEventListener === 'function') return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: 'signal must be an AbortSignal. Leave it out for none.',
  });
}

function applicationCloses(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_STORAGE_CLOSED',
    message:
      'The application is shutting down, so the storage accepts no further calls. Make the call earlier.',
  });
}
