import type { BlockPool } from './block-pool.js';
import { type MemoryBudget, MemoryShare } from './memory-budget.js';

/** Chunks below this size are joined, as each chunk has a cost of its own. */
const BLOCK_BYTES = 4_096;
/**
 * The size of the first small block. Each further block is as large as all before it together, so
 * that at most half of the memory is free.
 */
const LEAST_BLOCK_BYTES = 64;

/**
 * Bytes in memory, appended chunk by chunk and counted towards the memory budget until they are
 * taken or released. Chunks are copied, as a source may reuse its buffer or cut chunks from a
 * larger one. Small chunks share a block, so a body that arrives byte by byte takes hardly more
 * memory than its bytes. An owned chunk that fills most of its buffer is kept without a copy. With
 * a pool, content that fills its blocks is copied into them, so that the garbage collector has
 * neither chunks nor blocks of long life to look after.
 */
export class ChunkBuffer {
  readonly #ownsChunks: boolean;
  readonly #pool: BlockPool | undefined;
  readonly #share: MemoryShare;
  #blocks: Buffer[] = [];
  /** Number of free bytes in the last block. */
  #freeBytes = 0;
  #isOverdrawn = false;

  /** `ownsChunks` says that the source does not touch a chunk again. `pool` has large blocks. */
  constructor(budget: MemoryBudget, ownsChunks = false, pool?: BlockPool) {
    this.#share = new MemoryShare(budget);
    this.#ownsChunks = ownsChunks;
    this.#pool = pool;
  }

  /** Number of bytes. */
  get size(): number {
    return this.#share.heldBytes;
  }

  /** Number of blocks. */
  get count(): number {
    return this.#blocks.length;
  }

  /** True when the appended bytes exceed the budget. */
  get isOverdrawn(): boolean {
    return this.#isOverdrawn;
  }

  /** All bytes in order, in as few blocks as possible. */
  get blocks(): readonly Buffer[] {
    this.#closeBlock();
    return this.#blocks;
  }

  /** Appends a chunk, or a copy of it. Returns false when the budget has no room for it. */
  tryAppend(chunk: Uint8Array): boolean {
    if (!this.#share.reserve(chunk.byteLength)) return false;
    this.#put(chunk);
    return true;
  }

  /** Appends a chunk, or a copy of it, that leaves memory soon. Exceeds the budget if necessary. */
  append(chunk: Uint8Array): void {
    this.#share.count(chunk.byteLength);
    this.#isOverdrawn = true;
    this.#put(chunk);
  }

  /** Removes and returns the first block; undefined when empty. */
  shift(): Buffer | undefined {
    if (this.#blocks.length === 1) this.#closeBlock();
    const first = this.#blocks.shift();
    if (first !== undefined) this.#share.release(first.byteLength);
    return first;
  }

  /** Returns the first bytes, at most `bytes`; a view when they lie in one block. */
  head(bytes: number): Uint8Array {
    const { blocks } = this;
    const first = blocks[0];
    if (first === undefined) return Buffer.alloc(0);
    if (blocks.length === 1 || first.byteLength >= bytes) return first.subarray(0, bytes);
    return Buffer.concat(blocks, Math.min(bytes, this.size));
  }

  /** Returns the bytes of one block from a position on, which is less than the size. */
  blockFrom(position: number): Buffer | undefined {
    let start = 0;
    for (const block of this.blocks) {
      const end = start + block.byteLength;
      if (position < end) return block.subarray(position - start);
      start = end;
    }
    return undefined;
  }

  /** Releases all bytes. Can be called again. */
  release(): void {
    this.#blocks = [];
    this.#freeBytes = 0;
    this.#share.release();
  }

  #put(chunk: Uint8Array): void {
    // Less than a block may be all that comes, and a block would be mostly free.
    const pool = this.size > (this.#pool?.blockBytes ?? Infinity) ? this.#pool : undefined;
    if (pool !== undefined) return this.#putInto(pool, chunk);
    if (this.#ownsChunks && isMostOfItsBuffer(chunk)) {
      this.#closeBlock();
      this.#blocks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      return;
    }
    const rest = this.#fill(chunk);
    if (rest.byteLength === 0) return;
    const wanted = Math.max(LEAST_BLOCK_BYTES, rest.byteLength, this.size - chunk.byteLength);
    const block = Buffer.allocUnsafeSlow(
      rest.byteLength >= BLOCK_BYTES ? rest.byteLength : Math.min(BLOCK_BYTES, wanted),
    );
    this.#blocks.push(block);
    this.#freeBytes = block.byteLength;
    this.#fill(rest);
  }

  /** Copies a chunk into blocks of the pool. */
  #putInto(pool: BlockPool, chunk: Uint8Array): void {
    let rest = this.#fill(chunk);
    while (rest.byteLength > 0) {
      const block = pool.take();
      this.#blocks.push(block);
      this.#freeBytes = block.byteLength;
      rest = this.#fill(rest);
    }
  }

  /** Ends the last block, so that the next chunk begins a new one. */
  #closeBlock(): void {
    if (this.#freeBytes === 0) return;
    const last = this.#blocks.pop();
    if (last !== undefined) this.#blocks.push(last.subarray(0, last.byteLength - this.#freeBytes));
    this.#freeBytes = 0;
  }

  /** Copies as much as fits into the last block. Returns the rest. */
  #fill(chunk: Uint8Array): Uint8Array {
    const last = this.#blocks.at(-1);
    if (last === undefined || this.#freeBytes === 0) return chunk;
    const part = chunk.subarray(0, this.#freeBytes);
    last.set(part, last.byteLength - this.#freeBytes);
    this.#freeBytes -= part.byteLength;
    return chunk.subarray(part.byteLength);
  }
}

/** At least three quarters, as the rest of the buffer is kept in memory with the chunk. */
function isMostOfItsBuffer({ byteLength, buffer }: Uint8Array): boolean {
  return byteLength >= BLOCK_BYTES && byteLength * 4 >= buffer.byteLength * 3;
}
