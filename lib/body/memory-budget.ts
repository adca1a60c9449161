/** Share of the budget that files leave for data that cannot go to disk. */
const RESERVE_SHARE = 1 / 8;
/**
 * Memory that a new form should find, as its first bytes are read at once; less where the budget is
 * small.
 */
const FORM_BYTES = 65_536;

/** Memory whose holder can move it to disk. */
export interface MovableMemory {
  /** Number of bytes taken from the budget. */
  readonly heldBytes: number;
  /**
   * Starts to move the content to disk, and keeps no further content in memory. Does not wait for
   * the disk.
   */
  moveToDisk(): void;
}

/** The memory that uploads hold now. */
export interface MemoryUse {
  /** The total of all holders, in bytes. */
  usedBytes: number;
  /** Holders that can be asked to move to disk, oldest first. */
  readonly movable: Set<MovableMemory>;
  /** Holders that were asked, and still hold memory. */
  readonly moving: Set<MovableMemory>;
}

/** The counter of the process, shared by all instances. */
export const PROCESS_USE = startMemoryUse();

/** Creates a counter. */
export function startMemoryUse(): MemoryUse {
  return { usedBytes: 0, movable: new Set(), moving: new Set() };
}

/**
 * Limits the memory that uploads of the process hold together, with the limit of one instance. A
 * reservation never waits: content without room goes to disk, or is refused where it cannot.
 */
export class MemoryBudget {
  readonly #limitBytes: number;
  readonly #use: MemoryUse;

  /** `use` counts the memory; by default that of the whole process. */
  constructor(limitBytes: number, use: MemoryUse = PROCESS_USE) {
    this.#limitBytes = limitBytes;
    this.#use = use;
  }

  /**
   * Reserves memory for content that could be on disk instead. Returns false and reserves nothing
   * when too little is left; the oldest holders are then asked to move to disk.
   */
  reserve(bytes: number): boolean {
    const isLeft = this.#use.usedBytes + bytes <= this.#limitBytes * (1 - RESERVE_SHARE);
    if (isLeft) this.#use.usedBytes += bytes;
    else this.#askToMove(bytes);
    return isLeft;
  }

  /**
   * Reserves memory for content that cannot go to disk, such as text. Movable content makes room
   * for it. Returns false and reserves nothing when even that is not enough.
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

  /** Counts content that is already in memory and soon leaves it, e.g. on its way to disk. */
  count(bytes: number): void {
    this.#use.usedBytes += bytes;
  }

  /** Releases memory. */
  release(bytes: number): void {
    this.#use.usedBytes -= bytes;
  }

  /** Registers a holder whose content could be on disk. Can be called again. */
  addMovable(holder: MovableMemory): void {
    if (!this.#use.moving.has(holder)) this.#use.movable.add(holder);
  }

  /**
   * Registers a holder that already moves its content to disk and need not be asked. Can be called
   * again.
   */
  addMoving(holder: MovableMemory): void {
    this.#use.movable.delete(holder);
    this.#use.moving.add(holder);
  }

  /**
   * Removes a holder that has no content left, or none that could be on disk. Can be called again.
   */
  removeMovable(holder: MovableMemory): void {
    this.#use.movable.delete(holder);
    this.#use.moving.delete(holder);
  }

  /**
   * True when a new form may begin. Always true while no content is held that cannot go to disk.
   */
  hasRoomForForm(): boolean {
    const { usedBytes } = this.#use;
    const wantedBytes = Math.min(FORM_BYTES, this.#limitBytes * (RESERVE_SHARE / 2));
    const missingBytes = usedBytes + wantedBytes - this.#limitBytes;
    return missingBytes <= 0 || this.#canMove(Math.min(missingBytes, usedBytes));
  }

  /** True when movable and moving holders have at least this many bytes. */
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

  /** Asks for more than is missing, as the next reservations need memory too. */
  #askToMove(bytes: number): void {
    const { moving, movable } = this.#use;
    const wantedBytes = Math.max(bytes, this.#limitBytes * RESERVE_SHARE);
    let askedBytes = 0;
    for (const holder of movable) {
      if (askedBytes >= wantedBytes) return;
      askedBytes += holder.heldBytes;
      movable.delete(holder);
      moving.add(holder);
      // Deferred, as this very holder may be the one that reserves.
      queueMicrotask(() => holder.moveToDisk());
    }
  }
}

/** The part of a budget that one owner holds; empty after the release. */
export class MemoryShare {
  readonly #budget: MemoryBudget;
  #heldBytes = 0;

  /** Starts with nothing. */
  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  /** Number of bytes held. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Reserves memory as {@link MemoryBudget.reserve} does. */
  reserve(bytes: number): boolean {
    return this.#keep(bytes, this.#budget.reserve(bytes));
  }

  /** Reserves memory as {@link MemoryBudget.reserveFirmly} does. */
  reserveFirmly(bytes: number): boolean {
    return this.#keep(bytes, this.#budget.reserveFirmly(bytes));
  }

  /** Counts memory as {@link MemoryBudget.count} does. */
  count(bytes: number): void {
    this.#budget.count(bytes);
    this.#heldBytes += bytes;
  }

  /** Releases some bytes, or all; never more than it holds. */
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
 * Memory of bytes on their way to the storage. It is released as fast as the storage takes them, so
 * a new form does not count it.
 */
export class PassingMemory implements MovableMemory {
  readonly #budget: MemoryBudget;
  readonly #share: MemoryShare;

  /** Starts with nothing. */
  constructor(budget: MemoryBudget) {
    this.#budget = budget;
    this.#share = new MemoryShare(budget);
  }

  /** Number of bytes held. */
  get heldBytes(): number {
    return this.#share.heldBytes;
  }

  /** Does nothing, as the bytes are already on their way. */
  moveToDisk(): void {}

  /** Reserves memory as {@link MemoryBudget.reserve} does. */
  reserve(bytes: number): boolean {
    return this.#share.reserve(bytes);
  }

  /** Counts memory as {@link MemoryBudget.count} does. */
  count(bytes: number): void {
    this.#share.count(bytes);
    this.#budget.addMoving(this);
  }

  /** Releases some bytes, or all; never more than it holds. */
  release(bytes?: number): void {
    this.#share.release(bytes);
    if (this.heldBytes === 0) this.#budget.removeMovable(this);
  }
}
