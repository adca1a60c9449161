/** Smaller differences do not matter to COS, and the time of an answer is less exact. */
const LEAST_CORRECTION_MS = 30_000;
/** A larger difference is more likely a wrong answer than a wrong clock. */
const MOST_CORRECTION_MS = 86_400_000;

/**
 * Keeps the time of COS, which a signature has to match within minutes: the time of this machine,
 * corrected when COS has refused a signature for its time.
 */
export class ServerClock {
  readonly #wallMs: () => number;
  #aheadMs = 0;

  /** Starts with the time of this machine. */
  constructor(wallMs: () => number = Date.now) {
    this.#wallMs = wallMs;
  }

  /** Returns the time in milliseconds since 1970. */
  nowMs(): number {
    return this.#wallMs() + this.#aheadMs;
  }

  /**
   * Takes over the time of a header `Date`. Returns true when the time that a request assumed was
   * wrong, so that it may succeed now.
   */
  correct(date: string | undefined, assumedMs: number): boolean {
    const serverMs = Date.parse(date ?? '');
    const aheadMs = serverMs - this.#wallMs();
    // False for a header without a time, too.
    if (!(Math.abs(aheadMs) <= MOST_CORRECTION_MS)) return false;
    if (Math.abs(serverMs - this.nowMs()) >= LEAST_CORRECTION_MS) this.#aheadMs = aheadMs;
    return Math.abs(serverMs - assumedMs) >= LEAST_CORRECTION_MS;
  }
}
