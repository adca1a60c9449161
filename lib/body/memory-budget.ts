/** How much memory all spooled bodies of an instance may hold together. */
export class MemoryBudget {
  readonly #limitBytes: number;
  #usedBytes = 0;

  /** Starts unused. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Takes a part, or takes nothing and answers false when not enough is left. */
  reserve(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** Gives a part back. */
  release(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}
