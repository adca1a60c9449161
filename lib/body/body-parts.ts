import { createHash } from 'node:crypto';
import { type ChunkReader, type ChunkResult, NO_CHUNK } from './chunks.js';
import { openSpool, type SpoolContext } from './spool.js';
import type { BodyBytes } from './upload-body.js';

/** A part of a body, in memory; on disk where the memory is needed elsewhere. */
export interface BodyPart {
  /** Number of bytes. */
  readonly size: number;
  /** The MD5 of the bytes in hex. */
  readonly md5: string;
  /** True when nothing follows. */
  readonly isLast: boolean;
  /** Opens the bytes; can be called again. They change once the part was recycled. */
  open(): BodyBytes;
  /** Releases memory and temporary file. Can be called again. */
  dispose(): Promise<void>;
  /** As `dispose`, for a part that nothing reads any more, so that its memory is used again. */
  recycle(): Promise<void>;
}

/** The budgets for parts. */
type PartContext = Pick<SpoolContext, 'budget' | 'diskBudget' | 'pool'>;

/**
 * Cuts a body of unknown length into parts while it arrives. A part is read when it is asked for,
 * so that the source waits meanwhile.
 */
export class BodyParts {
  readonly #chunks: ChunkReader;
  readonly #context: PartContext;
  /** The chunk after the last part. */
  #carried: Uint8Array | undefined;
  #hasEnded = false;

  /** `chunks` do not change after they were read. */
  constructor(chunks: ChunkReader, context: PartContext) {
    this.#chunks = chunks;
    this.#context = context;
  }

  /** The chunks that belong to no part yet. */
  readonly rest: ChunkReader = {
    next: () => this.#next(),
    return: () => this.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };

  /**
   * Reads the next part: the rest, or as many bytes as `sizeOf` says, which is asked again for each
   * chunk, and may say less as memory gets short.
   */
  async next(sizeOf: () => number): Promise<BodyPart> {
    const piece = new PartChunks(this.#next.bind(this), sizeOf);
    const memoryLimitBytes = sizeOf();
    const spool = await openSpool(piece, {
      ...this.#context,
      memoryLimitBytes,
      mostBytes: undefined,
      ownsChunks: true,
    });
    try {
      const body = await spool.complete();
      this.#carried = piece.carried;
      const next = this.#hasEnded ? NO_CHUNK : await this.#next();
      this.#carried = next.value;
      return {
        size: body.size,
        md5: piece.md5,
        isLast: next.done === true,
        open: () => body.open(NEVER_ABORTED),
        dispose: () => spool.dispose(),
        recycle: () => {
          const bytes = body.open(NEVER_ABORTED);
          if (Array.isArray(bytes)) this.#context.pool?.give(bytes);
          return spool.dispose();
        },
      };
    } catch (error) {
      await spool.dispose();
      throw error;
    }
  }

  /** Releases the source. */
  return(): ReturnType<ChunkReader['return']> {
    this.#carried = undefined;
    return this.#chunks.return();
  }

  async #next(): Promise<ChunkResult> {
    const carried = this.#carried;
    if (carried !== undefined) {
      this.#carried = undefined;
      return { done: false, value: carried };
    }
    // An empty chunk at the end would become a part of its own.
    let result = await this.#chunks.next();
    while (result.done !== true && result.value.byteLength === 0)
      result = await this.#chunks.next();
    if (result.done === true) this.#hasEnded = true;
    return result;
  }
}

/** Parts are not read while they are sent, so their reading does not end early. */
const NEVER_ABORTED = new AbortController().signal;

/** The chunks of one part, which end where the part is large enough. */
class PartChunks implements ChunkReader {
  readonly #read: () => Promise<ChunkResult>;
  readonly #sizeOf: () => number;
  readonly #hash = createHash('md5');
  #takenBytes = 0;
  /** The rest of the last chunk. */
  carried: Uint8Array | undefined;

  constructor(read: () => Promise<ChunkResult>, sizeOf: () => number) {
    this.#read = read;
    this.#sizeOf = sizeOf;
  }

  get md5(): string {
    return this.#hash.digest('hex');
  }

  async next(): Promise<ChunkResult> {
    // Once a chunk was cut the part has ended, although the size may be larger by now.
    if (this.carried !== undefined) return NO_CHUNK;
    const missingBytes = this.#sizeOf() - this.#takenBytes;
    if (missingBytes <= 0) return NO_CHUNK;
    const result = await this.#read();
    if (result.done === true) return result;
    const chunk = result.value;
    const value = chunk.byteLength > missingBytes ? chunk.subarray(0, missingBytes) : chunk;
    if (value !== chunk) this.carried = chunk.subarray(missingBytes);
    this.#takenBytes += value.byteLength;
    this.#hash.update(value);
    return { done: false, value };
  }

  /** The source is read on by the next part. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    return NO_CHUNK;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
