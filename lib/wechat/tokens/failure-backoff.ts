/** How failures are spaced out. */
interface FetchPacing {
  /** How many in a row are followed by no wait. */
  readonly free: number;
  /** The wait after the next one, in milliseconds; each further wait is twice as long. */
  readonly firstWaitMs: number;
  /** The longest wait in milliseconds. */
  readonly longestWaitMs: number;
}

/**
 * Spaces out the fetches of a token that keeps failing, so that an outage, or a refusal that lasts,
 * costs a bounded part of the day's quota however many requests arrive.
 */
export class FailureBackoff {
  readonly #nowMs: () => number;
  readonly #pacing: FetchPacing;
  #failures = 0;
  #nextAtMs = -Infinity;

  /** `nowMs` is a clock that is never set. */
  constructor(nowMs: () => number, pacing: FetchPacing) {
    this.#nowMs = nowMs;
    this.#pacing = pacing;
  }

  /** How long the next fetch has to wait, in milliseconds; 0 when it may be made now. */
  get waitMs(): number {
    return Math.max(0, this.#nextAtMs - this.#nowMs());
  }

  /** A fetch failed, or what it brought was of no use. */
  failed(): void {
    const { free, firstWaitMs, longestWaitMs } = this.#pacing;
    this.#failures += 1;
    const doublings = this.#failures - free - 1;
    if (doublings < 0) return;
    this.#nextAtMs = this.#nowMs() + Math.min(longestWaitMs, firstWaitMs * 2 ** doublings);
  }

  /** All is well again. */
  succeeded(): void {
    this.#failures = 0;
    this.#nextAtMs = -Infinity;
  }
}
