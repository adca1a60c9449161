/** How much memory spooled bodies hold at the moment, in bytes. */
export interface MemoryUse {
  /** The sum over all that share it. */
  usedBytes: number;
}

/** Shared by all instances, as the memory is the process's. */
const PROCESS_USE: MemoryUse = { usedBytes: 0 };

/** How much memory the spooled bodies of the process may hold together, as far as one instance is concerned. */
export class MemoryBudget {
  readonly #limitBytes: number;
  readonly #use: MemoryUse;

  /** `use` counts what is held: by default, by the whole process. */
  constructor(limitBytes: number, use: MemoryUse = PROCESS_USE) {
    this.#limitBytes = limitBytes;
    this.#use = use;
  }

  /** Takes a part, or takes nothing and answers false when not enough is left. */
  reserve(bytes: number): boolean {
    if (this.#use.usedBytes + bytes > this.#limitBytes) return false;
    this.#use.usedBytes += bytes;
    return true;
  }

  /** Gives a part back. */
  release(bytes: number): void {
    this.#use.usedBytes -= bytes;
  }
}
