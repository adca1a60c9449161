const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/**
 * Spaces out the fetches of a token that keeps failing, so that an outage, or a refusal that lasts, costs a bounded part of
 * the day's quota however many requests arrive: after the failures that are free 1 second, then 2, 4 and so on up to 60.
 */
export class FetchPace {
  readonly #nowMs: () => number;
  readonly #freeFailures: number;
  #failures = 0;
  #nextAtMs = -Infinity;

  /** `nowMs` is a clock that is never set; `freeFailures` in a row are followed by no wait. */
  constructor(nowMs: () => number, freeFailures: number) {
    this.#nowMs = nowMs;
    this.#freeFailures = freeFailures;
  }

  /** How long the next fetch has to wait, in milliseconds; 0 when it may be made now. */
  get waitMs(): number {
    return Math.max(0, this.#nextAtMs - this.#nowMs());
  }

  /** A fetch failed, or what it brought was of no use. */
  failed(): void {
    this.#failures += 1;
    const doublings = this.#failures - this.#freeFailures - 1;
    if (doublings < 0) return;
    this.#nextAtMs = this.#nowMs() + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** doublings);
  }

  /** All is well again. */
  succeeded(): void {
    this.#failures = 0;
    this.#nextAtMs = -Infinity;
  }
}
