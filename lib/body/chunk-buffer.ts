import { type MemoryBudget, MemoryShare } from './memory-budget.js';

/** Chunks smaller than this are gathered, as each piece costs more than its bytes. */
const BLOCK_BYTES = 4_096;
/**
 * The first block of a few bytes; the next ones are as large as all before, so that no more than
 * half is ever free.
 */
const LEAST_BLOCK_BYTES = 64;

/**
 * Bytes in memory, appended piece by piece, and counted towards the memory budget until they are
 * taken or let go of. Chunks are copied, as their source may fill its buffer again or have cut them
 * from a larger one; small ones share a block, so that a body that comes byte by byte takes hardly
 * more than its bytes. A piece that its source has given away is kept as it is when it is most of
 * its buffer.
 */
export class ChunkBuffer {
  readonly #ownsChunks: boolean;
  readonly #share: MemoryShare;
  #blocks: Buffer[] = [];
  /** How much of the last block is free. */
  #freeBytes = 0;
  #isOverdrawn = false;

  /** `ownsChunks` says that the source does not touch a piece again. */
  constructor(budget: MemoryBudget, ownsChunks = false) {
    this.#share = new MemoryShare(budget);
    this.#ownsChunks = ownsChunks;
  }

  /** How many bytes there are. */
  get size(): number {
    return this.#share.heldBytes;
  }

  /** Number of blocks they take. */
  get count(): number {
    return this.#blocks.length;
  }

  /** True when more was appended than the budget had room for. */
  get isOverdrawn(): boolean {
    return this.#isOverdrawn;
  }

  /** The bytes in order, in as few blocks as there are. */
  get blocks(): readonly Buffer[] {
    this.#closeBlock();
    return this.#blocks;
  }

  /** Adds a piece, or a copy of it, if the budget has room for it; false when it has not. */
  tryAppend(chunk: Uint8Array): boolean {
    if (!this.#share.reserve(chunk.byteLength)) return false;
    this.#put(chunk);
    return true;
  }

  /**
   * Adds a piece, or a copy of it, that leaves memory soon, whether the budget has room for it or
   * not.
   */
  append(chunk: Uint8Array): void {
    this.#share.count(chunk.byteLength);
    this.#isOverdrawn = true;
    this.#put(chunk);
  }

  /** Takes the first block out; undefined when there is none. */
  shift(): Buffer | undefined {
    if (this.#blocks.length === 1) this.#closeBlock();
    const first = this.#blocks.shift();
    if (first !== undefined) this.#share.release(first.byteLength);
    return first;
  }

  /** The first bytes, up to so many: a view where they lie in one block. */
  head(bytes: number): Uint8Array {
    const { blocks } = this;
    const first = blocks[0];
    if (first === undefined) return Buffer.alloc(0);
    if (blocks.length === 1 || first.byteLength >= bytes) return first.subarray(0, bytes);
    return Buffer.concat(blocks, Math.min(bytes, this.size));
  }

  /** Lets go of all bytes. Can be called again. */
  release(): void {
    this.#blocks = [];
    this.#freeBytes = 0;
    this.#share.release();
  }

  #put(chunk: Uint8Array): void {
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

  /** What comes next goes into a block of its own. */
  #closeBlock(): void {
    if (this.#freeBytes === 0) return;
    const last = this.#blocks.pop();
    if (last !== undefined) this.#blocks.push(last.subarray(0, last.byteLength - this.#freeBytes));
    this.#freeBytes = 0;
  }

  /** Puts as much as fits into the last block; what does not fit is given back. */
  #fill(chunk: Uint8Array): Uint8Array {
    const last = this.#blocks.at(-1);
    if (last === undefined || this.#freeBytes === 0) return chunk;
    const part = chunk.subarray(0, this.#freeBytes);
    last.set(part, last.byteLength - this.#freeBytes);
    this.#freeBytes -= part.byteLength;
    return chunk.subarray(part.byteLength);
  }
}

/** Three quarters of it, as what else is in the buffer is held with it. */
function isMostOfItsBuffer({ byteLength, buffer }: Uint8Array): boolean {
  return byteLength >= BLOCK_BYTES && byteLength * 4 >= buffer.byteLength * 3;
}
