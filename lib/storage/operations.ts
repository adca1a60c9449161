import { WxCloudStorageError } from '../errors/index.js';
import { MAX_TIMER_MS } from '../options/index.js';
import type { CallOptions } from './call-options.js';
import { createSharedController, startDeadline, type Deadline } from '../transport/index.js';

/** Bounds operations in time, knows which are running, and ends them when the application shuts down. */
export class Operations {
  readonly #totalMs: number;
  readonly #running = new Set<Promise<unknown>>();
  readonly #shutdown = createSharedController();

  /** `totalMs` bounds an operation whose caller does not say. */
  constructor(totalMs: number) {
    this.#totalMs = totalMs;
  }

  /** Starts an operation that outlives one promise, as a download does; it runs until it is disposed of. */
  start(operation: string, { signal, timeoutMs = this.#totalMs }: CallOptions): Deadline {
    assertTimeout(timeoutMs);
    const deadline = startDeadline({
      operation,
      timeoutMs,
      signals: [this.#shutdown.signal, signal],
    });
    let end = (): void => {};
    const running = new Promise<void>(resolve => (end = resolve));
    this.#running.add(running);
    return {
      signal: deadline.signal,
      dispose: () => {
        deadline.dispose();
        this.#running.delete(running);
        end();
      },
    };
  }

  /** Runs an operation within its time. @throws {@link WxCloudStorageError} `WX_CLOUD_STORAGE_CLOSED` after the shut-down */
  async run<T>(
    operation: string,
    options: CallOptions,
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

  /** Runs a clean-up: within a time of its own, and also while the application shuts down. */
  async runCleanup<T>(
    operation: string,
    timeoutMs: number,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const deadline = startDeadline({ operation, timeoutMs, signals: [] });
    const running = (async () => work(deadline.signal))().finally(() => deadline.dispose());
    return this.#track(running);
  }

  /** Waits until nothing runs, no longer than `graceMs`; then ends what still runs and waits for its clean-up. */
  async shutDown(graceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#shutdown.abort(closed()), graceMs);
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
    clearTimeout(timer);
  }

  /** Refuses every further operation. */
  close(): void {
    this.#shutdown.abort(closed());
  }

  async #track<T>(running: Promise<T>): Promise<T> {
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
}

function assertTimeout(timeoutMs: number): void {
  if (Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= MAX_TIMER_MS) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      'timeoutMs must be a whole number of milliseconds from 1 to 2147483647. Leave it out for the default.',
  });
}

function closed(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_STORAGE_CLOSED',
    message:
      'The application is shutting down, so the storage takes no further calls. Call it earlier.',
  });
}
