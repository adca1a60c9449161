/**
 * The most parts of one object.
 * @see https://cloud.tencent.com/document/product/436/14112
 */
export const MOST_PARTS = 10_000;
/** The least size of a part but the last, in bytes. */
const LEAST_PART_BYTES = 1_048_576;
/** Parts of an upload in memory: one is filled while the other is sent. */
const PARTS_AT_ONCE = 2;
/** Share of the memory budget for parts. */
const BUDGET_SHARE = 3 / 4;

/**
 * Divides memory among the uploads in parts of an instance: their parts get smaller as their number
 * grows, but not smaller than COS permits.
 */
export class PartSizes {
  readonly #partBytes: number;
  readonly #sharedBytes: number;
  #uploads = 0;

  /** `partBytes` is the size with enough memory, `budgetBytes` the memory for all uploads. */
  constructor(partBytes: number, budgetBytes: number) {
    this.#partBytes = partBytes;
    this.#sharedBytes = budgetBytes * BUDGET_SHARE;
  }

  /** Adds an upload; the returned function removes it. */
  add(): () => void {
    this.#uploads += 1;
    let isAdded = true;
    return () => {
      if (isAdded) this.#uploads -= 1;
      isAdded = false;
    };
  }

  /**
   * Returns the size of a part, from 1 on. An object with thousands of parts needs large ones, so
   * that it does not run out of numbers.
   */
  sizeOf(partNumber: number): number {
    if (partNumber > MOST_PARTS / 2) return this.#partBytes;
    const share = Math.floor(this.#sharedBytes / (PARTS_AT_ONCE * Math.max(1, this.#uploads)));
    return Math.min(this.#partBytes, Math.max(LEAST_PART_BYTES, share));
  }
}
