/** Of the budget, the part that files leave to what cannot go to disk instead. */
const RESERVE_SHARE = 1 / 8;
/**
 * Room that a new form should find, as its first bytes are read in one go; less where the budget is
 * small.
 */
const FORM_BYTES = 65_536;

/** Memory that its holder can move to disk. */
export interface MovableMemory {
  /** Number of bytes of the budget it holds. */
  readonly heldBytes: number;
  /**
   * Asks the holder to move them, and to keep no further ones in memory. Does not wait for the
   * disk.
   */
  moveToDisk(): void;
}

/** The memory that uploads hold at the moment. */
export interface MemoryUse {
  /** The sum over all that share it, in bytes. */
  usedBytes: number;
  /** Holders that can be asked to go to disk, those first that began first. */
  readonly movable: Set<MovableMemory>;
  /** Holders that were asked, and still hold something. */
  readonly moving: Set<MovableMemory>;
}

/** Shared by all instances, as the memory is the process's. */
export const PROCESS_USE = startMemoryUse();

/** Starts to count. */
export function startMemoryUse(): MemoryUse {
  return { usedBytes: 0, movable: new Set(), moving: new Set() };
}

/**
 * Limits the memory that uploads of the process hold together, as far as one instance is concerned.
 * A reservation never waits: what does not fit goes to disk, or is refused where it cannot.
 */
export class MemoryBudget {
  readonly #limitBytes: number;
  readonly #use: MemoryUse;

  /** `use` counts what is held: by default, by the whole process. */
  constructor(limitBytes: number, use: MemoryUse = PROCESS_USE) {
    this.#limitBytes = limitBytes;
    this.#use = use;
  }

  /**
   * Takes a part for something that could be on disk instead. Takes nothing and answers false when
   * not enough is left; those that came first are then asked to move to disk.
   */
  reserve(bytes: number): boolean {
    const isLeft = this.#use.usedBytes + bytes <= this.#limitBytes * (1 - RESERVE_SHARE);
    if (isLeft) this.#use.usedBytes += bytes;
    else this.#askToMove(bytes);
    return isLeft;
  }

  /**
   * Takes a part for something that cannot go to disk, as text. What can move makes room for it;
   * answers false, and takes nothing, when even that would not be enough.
   */
  reserveFirmly(bytes: number): boolean {
    const { usedBytes } = this.#use;
    if (usedBytes + bytes > this.#limitBytes) {
      const missingBytes = usedBytes + bytes - this.#limitBytes;
      if (!this.#canMove(missingBytes)) return false;
      this.#askToMove(missingBytes);
    }
    this.#use.usedBytes += bytes;
    return true;
  }

  /**
   * Counts what is in memory already and leaves it without waiting for anybody, as on its way to
   * disk.
   */
  count(bytes: number): void {
    this.#use.usedBytes += bytes;
  }

  /** Gives a part back. */
  release(bytes: number): void {
    this.#use.usedBytes -= bytes;
  }

  /** Makes it known that what a holder has could be on disk. Can be called again. */
  addMovable(holder: MovableMemory): void {
    if (!this.#use.moving.has(holder)) this.#use.movable.add(holder);
  }

  /**
   * Makes it known that a holder moves what it has to disk already, and need not be asked. Can be
   * called again.
   */
  addMoving(holder: MovableMemory): void {
    this.#use.movable.delete(holder);
    this.#use.moving.add(holder);
  }

  /**
   * Forgets a holder that has nothing any more, or nothing that could be on disk. Can be called
   * again.
   */
  removeMovable(holder: MovableMemory): void {
    this.#use.movable.delete(holder);
    this.#use.moving.delete(holder);
  }

  /**
   * True when a new form may begin. Where nothing is held that cannot go to disk, it always may.
   */
  hasRoomForForm(): boolean {
    const { usedBytes } = this.#use;
    const wantedBytes = Math.min(FORM_BYTES, this.#limitBytes * (RESERVE_SHARE / 2));
    const missingBytes = usedBytes + wantedBytes - this.#limitBytes;
    return missingBytes <= 0 || this.#canMove(Math.min(missingBytes, usedBytes));
  }

  /** True when so much is held by those that can move, or do so already. */
  #canMove(bytes: number): boolean {
    let foundBytes = 0;
    const { moving, movable } = this.#use;
    for (const holders of [moving, movable]) {
      for (const { heldBytes } of holders) {
        if (foundBytes >= bytes) return true;
        foundBytes += heldBytes;
      }
    }
    return foundBytes >= bytes;
  }

  /** Asks for more than is missing, as the next ones will want something too. */
  #askToMove(bytes: number): void {
    const { moving, movable } = this.#use;
    const wantedBytes = Math.max(bytes, this.#limitBytes * RESERVE_SHARE);
    let askedBytes = 0;
    for (const holder of movable) {
      if (askedBytes >= wantedBytes) return;
      askedBytes += holder.heldBytes;
      movable.delete(holder);
      moving.add(holder);
      // Not at once, as it may be this very holder that wants more.
      queueMicrotask(() => holder.moveToDisk());
    }
  }
}

/** The part of a budget that one owner holds: nothing more, once it has let go of it. */
export class MemoryShare {
  readonly #budget: MemoryBudget;
  #heldBytes = 0;

  /** Holds nothing yet. */
  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  /** Number of bytes it holds. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** As {@link MemoryBudget.reserve}. */
  reserve(bytes: number): boolean {
    return this.#keep(bytes, this.#budget.reserve(bytes));
  }

  /** As {@link MemoryBudget.reserveFirmly}. */
  reserveFirmly(bytes: number): boolean {
    return this.#keep(bytes, this.#budget.reserveFirmly(bytes));
  }

  /** As {@link MemoryBudget.count}. */
  count(bytes: number): void {
    this.#budget.count(bytes);
    this.#heldBytes += bytes;
  }

  /** Gives back so much, or all. Never more than it holds. */
  release(bytes = this.#heldBytes): void {
    const released = Math.min(bytes, this.#heldBytes);
    this.#heldBytes -= released;
    this.#budget.release(released);
  }

  #keep(bytes: number, isReserved: boolean): boolean {
    if (isReserved) this.#heldBytes += bytes;
    return isReserved;
  }
}

/**
 * Memory of bytes on their way to the storage: it becomes free as fast as that takes them, and
 * keeps no form waiting.
 */
export class PassingMemory implements MovableMemory {
  readonly #budget: MemoryBudget;
  readonly #share: MemoryShare;

  /** Holds nothing yet. */
  constructor(budget: MemoryBudget) {
    this.#budget = budget;
    this.#share = new MemoryShare(budget);
  }

  /** Number of bytes it holds. */
  get heldBytes(): number {
    return this.#share.heldBytes;
  }

  /** Does nothing, as they are on their way. */
  moveToDisk(): void {}

  /** As {@link MemoryBudget.reserve}. */
  reserve(bytes: number): boolean {
    return this.#share.reserve(bytes);
  }

  /** As {@link MemoryBudget.count}. */
  count(bytes: number): void {
    this.#share.count(bytes);
    this.#budget.addMoving(this);
  }

  /** Gives back so much, or all. Never more than it holds. */
  release(bytes?: number): void {
    this.#share.release(bytes);
    if (this.heldBytes === 0) this.#budget.removeMovable(this);
  }
}
