/**
 * Time by which a lease ends earlier here than at the store, in milliseconds: for clocks of
 * different speed, and for a step of the store's clock.
 */
const MARGIN_MS = 60_000;

/**
 * The time for which one recorded file is safe from sweeps, by the clock of this process that runs
 * on while it is suspended. The store counts the due time from the arrival of a call, so from the
 * moment in which the call was sent there is at least that much time.
 */
export class Lease {
  readonly #dueInMs: number;
  #safeUntilMs = Infinity;
  #renewedAtMs = -Infinity;
  #isRecorded = false;
  #isUncertain = false;
  #isLost = false;
  #endedAs: 'orphan' | 'settled' | undefined;
  /** Milliseconds for which the upload has waited for the store so far. */
  waitedMs = 0;

  /** Creates the lease of a file that the store knows nothing of. */
  constructor(dueInMs: number) {
    this.#dueInMs = dueInMs;
  }

  /** True once the store has confirmed the file. */
  get isRecorded(): boolean {
    return this.#isRecorded;
  }

  /** True when a call got no answer in time: it may still reach the store. */
  get isUncertain(): boolean {
    return this.#isUncertain;
  }

  /** Outcome of the file; undefined while its record is wanted. */
  get endedAs(): 'orphan' | 'settled' | undefined {
    return this.#endedAs;
  }

  /** Notes that the file is settled or an orphan, or with undefined that it is recorded again. */
  end(as: 'orphan' | 'settled' | undefined): void {
    this.#endedAs = as;
  }

  /** Notes that a call is sent. Without an answer the first one counts, as it may have arrived. */
  sent(atMs: number): void {
    this.#safeUntilMs = Math.min(this.#safeUntilMs, this.#endAfter(atMs));
  }

  /** Notes the answer to the call that was sent at `sentAtMs`. */
  answered(sentAtMs: number, nowMs: number, isClaimed: boolean): void {
    // A sweep may have taken the file before the store recorded it again.
    this.#isLost ||= isClaimed || nowMs > this.#safeUntilMs;
    this.#isRecorded = true;
    this.#renewedAtMs = sentAtMs;
    this.#safeUntilMs = this.#endAfter(sentAtMs);
  }

  /** Notes that a call got no answer in time. */
  failed(): void {
    this.#isUncertain = true;
  }

  /** True when the store has confirmed the file within the last `ageMs` milliseconds. */
  isNewerThan(ageMs: number, nowMs: number): boolean {
    return nowMs - this.#renewedAtMs < ageMs;
  }

  /** True when a sweep may have taken the file by then. */
  isLostAt(nowMs: number): boolean {
    return this.#isLost || nowMs > this.#safeUntilMs;
  }

  #endAfter(sentAtMs: number): number {
    return sentAtMs + this.#dueInMs - MARGIN_MS;
  }
}
