import { Logger } from '@nestjs/common';
import type { WxCloudStorageError } from '../index.js';

/** The context of all log lines of this package. */
const LOG_CONTEXT = 'WxCloudStorageModule';
/** The longest time for which a failure is used again, in seconds. */
const FAILURE_SECONDS = 10;

/** The end of a check. */
interface Outcome {
  /** The problem; undefined for none. */
  readonly error: WxCloudStorageError | undefined;
  /** The wall clock at that time: it goes on while the process is suspended. */
  readonly atMs: number;
}

/**
 * The last result of one kind of check of one instance. Callers share a running check. The log gets
 * a line when a problem begins, becomes another one, and ends.
 */
export class HealthCache {
  readonly #logger = new Logger(LOG_CONTEXT);
  readonly #subject: string;
  #last: Outcome | undefined;
  #running: Promise<Outcome> | undefined;

  /** Creates a cache without a result. `name` is that of the instance. */
  constructor(name: string | undefined) {
    this.#subject = name === undefined ? '' : ` of "${name}"`;
  }

  /** Returns the problem that the last check has found, or that a new one finds. */
  async get(
    cacheSeconds: number,
    check: () => Promise<WxCloudStorageError | undefined>,
  ): Promise<WxCloudStorageError | undefined> {
    if (this.#last !== undefined && isFresh(this.#last, cacheSeconds)) return this.#last.error;
    this.#running ??= this.#run(check).finally(() => {
      this.#running = undefined;
    });
    return (await this.#running).error;
  }

  async #run(check: () => Promise<WxCloudStorageError | undefined>): Promise<Outcome> {
    const found = await check();
    // A wait for the next allowed try says less than the failure that the wait follows.
    const isTimeout = found?.code === 'WX_CLOUD_REQUEST_TIMED_OUT';
    const error = isTimeout ? (this.#last?.error ?? found) : found;
    this.#report(error);
    this.#last = { error, atMs: Date.now() };
    return this.#last;
  }

  #report(error: WxCloudStorageError | undefined): void {
    const known = this.#last?.error?.code;
    if (error?.code === known) return;
    if (error === undefined) this.#logger.log(`Health check${this.#subject}: up again.`);
    else this.#logger.warn(`Health check${this.#subject}: down, ${error.code}: ${error.message}`);
  }
}

function isFresh({ error, atMs }: Outcome, cacheSeconds: number): boolean {
  const seconds = error === undefined ? cacheSeconds : Math.min(cacheSeconds, FAILURE_SECONDS);
  const ageMs = Date.now() - atMs;
  // A clock that was set back says nothing about the age.
  return ageMs >= 0 && ageMs < seconds * 1_000;
}
