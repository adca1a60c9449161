/** Size of a block in bytes; larger ones would save hardly any writes to a connection. */
const BLOCK_BYTES = 131_072;
/** Number of free blocks that are kept. */
const MOST_FREE = 128;

/**
 * Blocks of memory that are used again. Content on its way to the storage lives too long to be
 * cheap for the garbage collector, which frees its memory late.
 */
export class BlockPool {
  /** Size of each block in bytes. */
  readonly blockBytes = BLOCK_BYTES;
  /** The free blocks; undefined at rest. */
  #free: Buffer[] | undefined;
  /** The free blocks, until the garbage collector takes them at rest. */
  #rested: WeakRef<Buffer[]> | undefined;
  /** Memory that was taken and not given back. */
  readonly #taken = new WeakSet<ArrayBufferLike>();

  /** Returns a block with any content. */
  take(): Buffer {
    const block = this.#wake().pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#taken.add(block.buffer);
    return block;
  }

  /**
   * Takes blocks back that nothing reads any more, or views of them. Ignores other memory, and what
   * was given back before.
   */
  give(blocks: readonly Uint8Array[]): void {
    const free = this.#wake();
    for (const { buffer } of blocks) {
      if (this.#taken.delete(buffer) && free.length < MOST_FREE) free.push(Buffer.from(buffer));
    }
  }

  /** Leaves the free blocks to the garbage collector, until the next call. */
  rest(): void {
    this.#free = undefined;
  }

  #wake(): Buffer[] {
    this.#free ??= this.#rested?.deref();
    if (this.#free === undefined) {
      this.#free = [];
      this.#rested = new WeakRef(this.#free);
    }
    return this.#free;
  }
}
