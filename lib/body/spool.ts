import { ChunkBuffer } from './chunk-buffer.js';
import type { ChunkResult, ChunkReader } from './chunks.js';
import type { MemoryBudget, MovableMemory } from './memory-budget.js';
import { type DiskBudget, TemporaryFile } from './temporary-file.js';
import { EMPTY_HEAD, HEAD_BYTES, type OpenedSource, type UploadBody } from './upload-body.js';

/** Where a body of unknown length is kept until its end shows how long it is. */
export interface SpoolContext {
  /** The bytes of it that may stay in memory. */
  readonly memoryLimitBytes: number;
  /** The memory that all uploads together may hold. */
  readonly budget: MemoryBudget;
  /** The disk that all temporary files together may take, and their place. */
  readonly diskBudget: DiskBudget;
  /**
   * The most bytes that it can have, where that is known: with no room for so many, nothing is
   * written.
   */
  readonly mostBytes: number | undefined;
  /** True when the source does not touch a piece again. */
  readonly ownsChunks: boolean;
}

/**
 * Opens pieces of unknown length: completed, they are in memory up to the limits, beyond that in a
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

class Spool implements OpenedSource, MovableMemory {
  readonly #chunks: ChunkReader;
  readonly #context: SpoolContext;
  #kept: ChunkBuffer;
  #file: TemporaryFile | undefined;
  #head: Uint8Array = EMPTY_HEAD;
  #hasHead = false;
  #hasEnded = false;
  /** True when the memory is wanted for something else. */
  #isAsked = false;
  /**
   * A piece is being taken, or the head looked at: whoever asks for the memory gets it afterwards.
   */
  #isBusy = false;
  /** The request under way; rejects when it failed, which the next call reports. */
  #moving: Promise<void> | undefined;

  constructor(chunks: ChunkReader, context: SpoolContext) {
    this.#chunks = chunks;
    this.#context = context;
    this.#kept = new ChunkBuffer(context.budget, context.ownsChunks);
  }

  get head(): Uint8Array {
    return this.#head;
  }

  get heldBytes(): number {
    return this.#kept.size + (this.#file?.heldBytes ?? 0);
  }

  get #size(): number {
    return this.#file?.size ?? this.#kept.size;
  }

  moveToDisk(): void {
    this.#isAsked = true;
    if (this.#isBusy || this.#moving !== undefined) return;
    this.#moving = this.#move();
    this.#moving.then(
      () => (this.#moving = undefined),
      // Reported by the next call.
      () => {},
    );
  }

  /**
   * Reads as many pieces as the head takes. The last of them goes nowhere before it is looked at.
   */
  async readHead(): Promise<void> {
    while (this.#size < HEAD_BYTES && (await this.#takeNext()));
    this.#isBusy = true;
    await this.#moving;
    this.#head = (await this.#file?.readHead(HEAD_BYTES)) ?? this.#kept.head(HEAD_BYTES);
    this.#hasHead = true;
  }

  async complete(): Promise<UploadBody> {
    this.#head = EMPTY_HEAD;
    if (!this.#hasEnded) {
      await this.#makeRoom();
      this.#isBusy = false;
      while (await this.#takeNext());
    }
    this.#isBusy = true;
    await this.#moving;
    const file = this.#file;
    if (file !== undefined) await file.flush();
    this.#context.budget.removeMovable(this);
    if (file !== undefined) return { size: file.size, isReplayable: true, open: () => file.read() };
    const { blocks, size } = this.#kept;
    return { size, isReplayable: true, open: () => blocks };
  }

  async dispose(): Promise<void> {
    await this.#chunks.return();
    this.#isBusy = true;
    await this.#moving?.catch(() => {});
    this.#context.budget.removeMovable(this);
    this.#kept.release();
    await this.#file?.dispose();
  }

  /**
   * Tells whether there may be more. A loop over the pieces would hold the last one for as long as
   * it waits for the next.
   */
  #takeNext(): Promise<boolean> {
    return this.#chunks.next().then(this.#take);
  }

  readonly #take = ({ done, value }: ChunkResult): boolean | Promise<boolean> => {
    if (done !== true) return this.#append(value)?.then(() => true) ?? true;
    this.#hasEnded = true;
    return false;
  };

  /** Undefined when nothing has to be waited for. */
  #append(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#moving !== undefined) return this.#moving.then(() => this.#append(chunk));
    const fits = this.#file === undefined && this.#fits(chunk) && this.#kept.tryAppend(chunk);
    if (!fits) return this.#appendSlowly(chunk);
    this.#context.budget.addMovable(this);
    this.#isBusy = this.#isHeadToBeRead;
    return undefined;
  }

  async #appendSlowly(chunk: Uint8Array): Promise<void> {
    this.#isBusy = true;
    this.#context.budget.addMovable(this);
    if (this.#file === undefined) this.#kept.append(chunk);
    else await this.#file.append(chunk);
    if (this.#isHeadToBeRead) return;
    await this.#makeRoom();
    this.#isBusy = false;
  }

  /** There is enough for the head, and nobody has looked at it. */
  get #isHeadToBeRead(): boolean {
    return !this.#hasHead && this.#size >= HEAD_BYTES;
  }

  #fits({ byteLength }: Uint8Array): boolean {
    return this.#kept.size + byteLength <= this.#context.memoryLimitBytes;
  }

  /** What was asked for, or found no room in memory, goes to disk. */
  async #makeRoom(): Promise<void> {
    if (this.#isAsked) await this.#move();
    else if (this.#file === undefined && this.#kept.isOverdrawn) await this.#openFile();
  }

  /** Makes memory free for others: with no room on the disk either, what fits stays. */
  async #move(): Promise<void> {
    this.#isAsked = false;
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
    // Known to this spool before anything can fail, so that dispose() removes it.
    this.#file = file;
    const kept = this.#kept;
    this.#kept = new ChunkBuffer(budget);
    await file.adopt(kept);
    return file;
  }
}
