import type { BlockPool } from './block-pool.js';
import { ChunkBuffer } from './chunk-buffer.js';
import type { ChunkResult, ChunkReader } from './chunks.js';
import { SpoolFollower } from './spool-follower.js';
import type { MemoryBudget, MovableMemory } from './memory-budget.js';
import { type DiskBudget, TemporaryFile } from './temporary-file.js';
import {
  type ComingContent,
  EMPTY_HEAD,
  HEAD_BYTES,
  type OpenedSource,
  type UploadBody,
} from './upload-body.js';

/** Limits and budgets for a body that is kept until its length is known. */
export interface SpoolContext {
  /** Number of bytes that may stay in memory. */
  readonly memoryLimitBytes: number;
  /** The memory that all uploads together may hold. */
  readonly budget: MemoryBudget;
  /** The disk space that all temporary files together may take, and their folder. */
  readonly diskBudget: DiskBudget;
  /**
   * The maximum size, give or take a line end, where known. Nothing is written to disk without room
   * for this many bytes.
   */
  readonly mostBytes: number | undefined;
  /** True when the source does not touch a chunk again. */
  readonly ownsChunks: boolean;
  /** See {@link UploadBody.countedBytes}. */
  readonly countedBytes?: UploadBody['countedBytes'];
  /**
   * Blocks for content in memory.
   * @defaultValue none: it stays in the chunks that bring it
   */
  readonly pool?: BlockPool | undefined;
}

/**
 * Opens chunks of unknown length. The complete body is in memory up to the limits, beyond that in a
 * temporary file.
 */
export async function openSpool(chunks: ChunkReader, context: SpoolContext): Promise<OpenedSource> {
  const spool = new Spool(chunks, context);
  try {
    await spool.readHead();
    return spool;
  } catch (error) {
    await spool.dispose();
    throw error;
  }
}

class Spool implements OpenedSource, ComingContent, MovableMemory {
  readonly #chunks: ChunkReader;
  readonly #context: SpoolContext;
  #kept: ChunkBuffer;
  #file: TemporaryFile | undefined;
  #head: Uint8Array = EMPTY_HEAD;
  #hasHead = false;
  #hasEnded = false;
  /** True when the memory is needed elsewhere. */
  #isMoveRequested = false;
  /** True while a chunk is taken or the head is read; memory is then released afterwards. */
  #isBusy = false;
  /** The move to disk in progress. A failure is reported by the next call. */
  #moving: Promise<void> | undefined;
  /** The read in progress, shared by all readers. After a failure it stays: a chunk is missing. */
  #reading: Promise<Uint8Array | undefined> | undefined;
  /** The append in progress, or the last one. */
  #appending: Promise<void> | undefined;
  #beginning: Promise<void> | undefined;
  #isFollowed = false;

  constructor(chunks: ChunkReader, context: SpoolContext) {
    this.#chunks = chunks;
    this.#context = context;
    this.#kept = new ChunkBuffer(context.budget, context.ownsChunks, context.pool);
  }

  get head(): Uint8Array {
    return this.#head;
  }

  get heldBytes(): number {
    return this.#kept.size + (this.#file?.heldBytes ?? 0);
  }

  get countedBytes(): UploadBody['countedBytes'] {
    return this.#context.countedBytes;
  }

  get coming(): ComingContent | undefined {
    return this.#hasEnded ? undefined : this;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get #size(): number {
    return this.#file?.size ?? this.#kept.size;
  }

  moveToDisk(): void {
    this.#isMoveRequested = true;
    if (this.#isBusy || this.#moving !== undefined) return;
    this.#moving = this.#move();
    this.#moving.then(
      () => (this.#moving = undefined),
      // The next call reports it.
      () => {},
    );
  }

  /** Reads the chunks of the head. The last of them stays in memory until the head was read. */
  async readHead(): Promise<void> {
    while (this.#size < HEAD_BYTES && !this.#hasEnded) await this.#takeNext();
    this.#isBusy = true;
    await this.#moving;
    this.#head = (await this.#file?.readHead(HEAD_BYTES)) ?? this.#kept.head(HEAD_BYTES);
    this.#hasHead = true;
  }

  async complete(): Promise<UploadBody> {
    this.#isFollowed = false;
    this.#head = EMPTY_HEAD;
    if (!this.#hasEnded) {
      await this.#begin();
      while (!this.#hasEnded) await this.#takeNext();
    }
    this.#isBusy = true;
    await this.#moving;
    const file = this.#file;
    if (file !== undefined) await file.flush();
    this.#context.budget.removeMovable(this);
    const facts = { size: this.#size, isReplayable: true, countedBytes: this.countedBytes };
    if (file !== undefined) return { ...facts, open: () => file.read() };
    const { blocks } = this.#kept;
    return { ...facts, open: () => blocks };
  }

  keepOn(): void {
    this.#keepOn().catch(() => {});
  }

  follow(): ChunkReader {
    return new SpoolFollower(
      {
        size: () => this.#size,
        hasEnded: () => this.#hasEnded,
        begin: () => {
          this.#isFollowed = true;
          return this.#begin();
        },
        takeNext: () => this.#takeNext(),
        readKept: position => this.#readKept(position),
        isOnDisk: () => this.#file !== undefined,
        end: () => {
          this.#isFollowed = false;
        },
      },
      this.#context.budget,
    );
  }

  async dispose(): Promise<void> {
    await this.#chunks.return();
    this.#isBusy = true;
    // Each may be opening the temporary file, and may have no reader that waits for it.
    for (const each of [this.#beginning, this.#appending, this.#moving])
      await each?.catch(() => {});
    this.#context.budget.removeMovable(this);
    this.#kept.release();
    await this.#file?.dispose();
  }

  /** Makes room for what was read with the head. */
  #begin(): Promise<void> {
    this.#head = EMPTY_HEAD;
    return (this.#beginning ??= this.#makeFirstRoom());
  }

  async #makeFirstRoom(): Promise<void> {
    await this.#makeRoom();
    this.#isBusy = false;
  }

  async #keepOn(): Promise<void> {
    await this.#begin();
    while (!this.#isFollowed && !this.#hasEnded) await this.#takeNext();
  }

  async *#readKept(start: number): AsyncGenerator<Uint8Array, undefined, undefined> {
    let position = start;
    while (position < this.#size) {
      const file = this.#file;
      if (file !== undefined) {
        const { size } = file;
        await file.flush();
        yield* file.read(position, size);
        position = size;
      } else {
        const block = this.#kept.blockFrom(position);
        if (block === undefined) return undefined;
        position += block.byteLength;
        yield block;
      }
    }
    return undefined;
  }

  /**
   * Takes the next chunk and resolves with it; undefined at the end. A loop over the chunks would
   * hold the last one while it waits for the next.
   */
  #takeNext(): Promise<Uint8Array | undefined> {
    return (this.#reading ??= this.#chunks.next().then(this.#take));
  }

  readonly #take = ({
    done,
    value,
  }: ChunkResult): Uint8Array | undefined | Promise<Uint8Array | undefined> => {
    if (done === true) {
      this.#hasEnded = true;
      return this.#endReading(undefined);
    }
    const appending = this.#append(value);
    this.#appending = appending;
    return appending === undefined
      ? this.#endReading(value)
      : appending.then(() => this.#endReading(value));
  };

  #endReading(chunk: Uint8Array | undefined): Uint8Array | undefined {
    this.#reading = undefined;
    return chunk;
  }

  /** Appends a chunk. Returns a promise only where the caller has to wait. */
  #append(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#moving !== undefined) return this.#moving.then(() => this.#append(chunk));
    const fits = this.#file === undefined && this.#fits(chunk) && this.#kept.tryAppend(chunk);
    if (!fits) return this.#appendSlowly(chunk);
    this.#context.budget.addMovable(this);
    this.#isBusy = this.#isHeadPending;
    return undefined;
  }

  async #appendSlowly(chunk: Uint8Array): Promise<void> {
    this.#isBusy = true;
    this.#context.budget.addMovable(this);
    if (this.#file === undefined) this.#kept.append(chunk);
    else await this.#file.append(chunk);
    if (this.#isHeadPending) return;
    await this.#makeRoom();
    this.#isBusy = false;
  }

  /** True when the head is complete and was not read yet. */
  get #isHeadPending(): boolean {
    return !this.#hasHead && this.#size >= HEAD_BYTES;
  }

  #fits({ byteLength }: Uint8Array): boolean {
    return this.#kept.size + byteLength <= this.#context.memoryLimitBytes;
  }

  /** Moves content to disk where that was requested, or the memory is exceeded. */
  async #makeRoom(): Promise<void> {
    if (this.#isMoveRequested) await this.#move();
    else if (this.#file === undefined && this.#kept.isOverdrawn) await this.#openFile();
  }

  /**
   * Frees memory for others. With no room on the disk either, the content stays in memory if it
   * fits.
   */
  async #move(): Promise<void> {
    this.#isMoveRequested = false;
    const { budget, diskBudget } = this.#context;
    if (this.#file !== undefined) await this.#file.flush();
    else if (this.#kept.isOverdrawn || diskBudget.fits(this.#kept.size)) {
      await (await this.#openFile()).flush();
    }
    budget.removeMovable(this);
  }

  async #openFile(): Promise<TemporaryFile> {
    const { budget, diskBudget, ownsChunks, mostBytes = 0 } = this.#context;
    diskBudget.assertFits(Math.max(mostBytes, this.#kept.size));
    const file = await TemporaryFile.create(budget, diskBudget, ownsChunks);
    // Assigned before anything can fail, so that dispose() deletes the file.
    this.#file = file;
    const kept = this.#kept;
    this.#kept = new ChunkBuffer(budget);
    await file.adopt(kept);
    return file;
  }
}
