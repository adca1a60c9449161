/** Waits after failures. */
interface BackoffWaits {
  /** Number of failures in a row without a wait. */
  readonly free: number;
  /** Wait after the next failure, in milliseconds; each further wait is twice as long. */
  readonly firstWaitMs: number;
  /** The longest wait in milliseconds. */
  readonly longestWaitMs: number;
}

/**
 * Spaces out failing fetches of a token, so that an outage or a lasting refusal uses a bounded part
 * of the day's quota for any number of requests.
 */
export class FailureBackoff {
  readonly #nowMs: () => number;
  readonly #waits: BackoffWaits;
  #failures = 0;
  #nextAtMs = -Infinity;
  #last: unknown;

  /** Creates a backoff without failures. `nowMs` is a monotonic clock. */
  constructor(nowMs: () => number, waits: BackoffWaits) {
    this.#nowMs = nowMs;
    this.#waits = waits;
  }

  /** Time until the next fetch is allowed, in milliseconds; 0 when it is allowed now. */
  get waitMs(): number {
    return Math.max(0, this.#nextAtMs - this.#nowMs());
  }

  /** The error of the last failure since a success, if it had one. */
  get last(): unknown {
    return this.#last;
  }

  /** Records a fetch that failed or returned a useless token. */
  failed(error?: unknown): void {
    this.#last = error;
    const { free, firstWaitMs, longestWaitMs } = this.#waits;
    this.#failures += 1;
    const doublings = this.#failures - free - 1;
    if (doublings < 0) return;
    this.#nextAtMs = this.#nowMs() + Math.min(longestWaitMs, firstWaitMs * 2 ** doublings);
  }

  /** Records a success. */
  succeeded(): void {
    this.#failures = 0;
    this.#nextAtMs = -Infinity;
    this.#last = undefined;
  }
}
