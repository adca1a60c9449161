import { type ChunkReader, type ChunkResult, NO_CHUNK } from './chunks.js';
import { type MemoryBudget, PassingMemory } from './memory-budget.js';

/** The operations of a spool that its follower uses. */
interface FollowedSpool {
  /** Number of bytes kept so far. */
  size(): number;
  /** True when all content has arrived. */
  hasEnded(): boolean;
  /** True when the content is in a temporary file, so that a chunk leaves memory once written. */
  isOnDisk(): boolean;
  /** Called before the first read: from now on the follower sets the pace. */
  begin(): Promise<void>;
  /** Takes the next chunk and keeps it; undefined at the end. Readers share a pending chunk. */
  takeNext(): Promise<Uint8Array | undefined>;
  /** Reads the bytes that are kept from a position on. */
  readKept(position: number): AsyncGenerator<Uint8Array, undefined, undefined>;
  /** Called at the end of the reading. */
  end(): void;
}

/** Reads the content of a spool while it arrives: what is kept, then each chunk as it is kept. */
export class SpoolFollower implements ChunkReader {
  readonly #spool: FollowedSpool;
  /** The last chunk: a connection may hold it until it asks for the next one. */
  readonly #passing: PassingMemory;
  #kept: AsyncGenerator<Uint8Array, undefined, undefined> | undefined;
  #position = 0;
  #hasBegun = false;
  #isOver = false;

  /** Follows one spool from its first byte. */
  constructor(spool: FollowedSpool, budget: MemoryBudget) {
    this.#spool = spool;
    this.#passing = new PassingMemory(budget);
  }

  /** See {@link ChunkReader.next}. */
  async next(): Promise<ChunkResult> {
    this.#passing.release();
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      await this.#spool.begin();
    }
    while (!this.#isOver) {
      const value = (await this.#readKept()) ?? (await this.#readComing());
      if (value !== undefined) {
        this.#position += value.byteLength;
        return { done: false, value };
      }
      // Of a spool that is disposed of, nothing is left.
      if (this.#spool.hasEnded() && this.#position >= this.#spool.size()) break;
    }
    return NO_CHUNK;
  }

  /** Ends the reading; the content stays kept. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#spool.end();
      this.#passing.release();
      await this.#kept?.return(undefined);
    }
    return NO_CHUNK;
  }

  /** See {@link ChunkReader}. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  async #readKept(): Promise<Uint8Array | undefined> {
    if (this.#kept === undefined) {
      if (this.#position >= this.#spool.size()) return undefined;
      this.#kept = this.#spool.readKept(this.#position);
    }
    const { value } = await this.#kept.next();
    if (value === undefined) this.#kept = undefined;
    return value;
  }

  /**
   * Takes the next chunk. Returns undefined when it was kept for another reader too, which may have
   * kept more since: it is then read from there.
   */
  async #readComing(): Promise<Uint8Array | undefined> {
    if (this.#spool.hasEnded()) return undefined;
    const chunk = await this.#spool.takeNext();
    if (chunk === undefined || chunk.byteLength === 0) return undefined;
    if (this.#spool.size() !== this.#position + chunk.byteLength) return undefined;
    if (!this.#isOver && this.#spool.isOnDisk()) this.#passing.count(chunk.byteLength);
    return chunk;
  }
}
