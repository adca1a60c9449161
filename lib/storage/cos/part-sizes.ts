import { BlockPool } from '../../body/block-pool.js';

/**
 * The most parts of one object.
 * @see https://cloud.tencent.com/document/product/436/14112
 */
export const MOST_PARTS = 10_000;
/** The least size of a part but the last, in bytes. */
const LEAST_PART_BYTES = 1_048_576;
/** Parts that an upload sends at the same time. */
const PARTS_IN_FLIGHT = 2;
/** Number of uploads from which each sends one part at a time: others use the connections. */
const MANY_UPLOADS = 8;
/** Share of the memory budget for parts; the garbage collector frees what it used before late. */
const BUDGET_SHARE = 1 / 2;

/**
 * Divides memory among the uploads in parts of an instance: their parts get smaller as their number
 * grows, but not smaller than COS permits.
 */
export class PartSizes {
  readonly #partBytes: number;
  readonly #sharedBytes: number;
  #uploads = 0;
  /** Memory for the parts. */
  readonly pool = new BlockPool();

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
      if (this.#uploads === 0) this.pool.rest();
    };
  }

  /** Number of parts that an upload may send at the same time. */
  get inFlight(): number {
    return this.#uploads < MANY_UPLOADS ? PARTS_IN_FLIGHT : 1;
  }

  /**
   * Returns the size of a part, from 1 on. An object with thousands of parts needs large ones, so
   * that it does not run out of numbers.
   */
  sizeOf(partNumber: number): number {
    if (partNumber > MOST_PARTS / 2) return this.#partBytes;
    // One more is filled meanwhile.
    const partsAtOnce = (this.inFlight + 1) * Math.max(1, this.#uploads);
    const share = Math.floor(this.#sharedBytes / partsAtOnce);
    return Math.min(this.#partBytes, Math.max(LEAST_PART_BYTES, share));
  }
}
