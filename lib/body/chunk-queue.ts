import { quoteText } from '../errors/client-text.js';
import { FileTooLargeError } from '../errors/errors.js';
import { ChunkBuffer } from './chunk-buffer.js';
import { NO_CHUNK, type ChunkResult, type ChunkReader, type WaitingRead } from './chunks.js';
import type { MemoryBudget, MovableMemory } from './memory-budget.js';
import type { QueuedSource } from './open-source.js';

/** Number of bytes read ahead, which saves pausing the source after every chunk. */
const AHEAD_BYTES = 65_536;

/** The source of the chunks. */
interface ChunkSource {
  /** Pauses the source; a few chunks may still follow. */
  pause(): unknown;
  /** Resumes the source. */
  resume(): unknown;
}

/**
 * The content of a file on its way from a form to the upload, up to the size limit of the file. A
 * reader that stops early does not stop the source, as the form goes on. The queue is read once it
 * is ready; when its memory is needed elsewhere, it becomes ready at once, so that the reader can
 * move it to disk.
 */
export class ChunkQueue implements ChunkReader, QueuedSource, MovableMemory {
  readonly #source: ChunkSource;
  readonly #limitBytes: number;
  readonly #budget: MemoryBudget;
  readonly #fieldname: string;
  #kept: ChunkBuffer;
  #seenBytes = 0;
  #resolveReady: () => void = () => {};
  /**
   * Resolves when the file has arrived completely, when enough of it has arrived to start reading,
   * or when it has failed.
   */
  readonly ready = new Promise<void>(resolve => (this.#resolveReady = resolve));
  #isReady = false;
  #readyBytes = Infinity;
  #isMoveRequested = false;
  #isPaused = false;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;
  /** The pending read; the queue is empty then. */
  #waiting: WaitingRead | undefined;

  /**
   * `source` is paused while the reader is behind. A file of more than `limitBytes` ends with
   * {@link FileTooLargeError}; `Infinity` is for a source with a limit of its own. With nothing
   * left of `budget`, one chunk is taken at a time. `fieldname` is the form field that brings the
   * file.
   */
  constructor(source: ChunkSource, limitBytes: number, budget: MemoryBudget, fieldname: string) {
    this.#source = source;
    this.#limitBytes = limitBytes;
    this.#budget = budget;
    this.#fieldname = fieldname;
    this.#kept = new ChunkBuffer(budget, true);
  }

  /** Makes the queue ready as soon as it holds this many bytes, as more are expected. */
  readyAt(bytes: number): void {
    this.#readyBytes = bytes;
  }

  /** True when its memory is needed elsewhere. */
  get isMoveRequested(): boolean {
    return this.#isMoveRequested;
  }

  /** Number of bytes that the source has given; undefined before its end. */
  get countedBytes(): number | undefined {
    return this.#hasEnded ? this.#seenBytes : undefined;
  }

  /** Number of bytes in memory. */
  get heldBytes(): number {
    return this.#kept.size;
  }

  /** Makes the queue ready, and from now on takes one chunk at a time. */
  moveToDisk(): void {
    this.#isMoveRequested = true;
    if (this.#kept.size > 0) this.#pauseSource();
    this.#setReady();
  }

  /** Appends a chunk; ignored after the end. */
  add(chunk: Uint8Array): void {
    if (this.#hasEnded) return;
    this.#seenBytes += chunk.byteLength;
    if (this.#seenBytes > this.#limitBytes) return this.failTooLarge();
    const waiting = this.#takeWaiting();
    if (waiting !== undefined) return waiting.resolve({ done: false, value: chunk });
    if (!this.#kept.tryAppend(chunk)) {
      this.#kept.append(chunk);
      this.#isMoveRequested = true;
      this.#budget.addMoving(this);
    }
    if (this.#isFull) {
      this.#pauseSource();
      this.#setReady();
    } else if (this.#kept.size >= this.#readyBytes) this.#setReady();
    else if (!this.#isReady) this.#budget.addMovable(this);
  }

  /** Ends the queue. */
  end(): void {
    this.#hasEnded = true;
    this.#resumeSource();
    this.#takeWaiting()?.resolve(NO_CHUNK);
    this.#setReady();
  }

  /** Ends the queue with an error and drops the chunks in it. */
  fail(error: unknown): void {
    if (this.#hasEnded) return;
    this.#failure = { error };
    this.#release();
    this.#hasEnded = true;
    this.#resumeSource();
    this.#takeWaiting()?.reject(error);
    this.#setReady();
  }

  /**
   * Fails a file that continues beyond its limit. A parser with a limit of its own cuts the file
   * off there.
   */
  failTooLarge(): void {
    this.fail(this.#tooLarge(Math.min(this.#limitBytes, this.#seenBytes)));
  }

  /**
   * Checks that a file may have this many bytes.
   * @throws {@link FileTooLargeError}
   */
  assertMayHave(bytes: number): void {
    if (bytes > this.#limitBytes) throw this.#tooLarge(this.#limitBytes);
  }

  /** Takes all chunks when the file is complete and within the budget; otherwise undefined. */
  takeWhole(): ChunkBuffer | undefined {
    const isWhole = this.#hasEnded && this.#kept.size === this.#seenBytes;
    if (!isWhole || this.#failure !== undefined || this.#kept.isOverdrawn) return undefined;
    const kept = this.#kept;
    this.#kept = new ChunkBuffer(this.#budget, true);
    this.#release();
    return kept;
  }

  /** Returns the next chunk as soon as there is one. */
  next(): Promise<ChunkResult> {
    const value = this.#kept.shift();
    if (value !== undefined) {
      if (this.#isMoveRequested && this.#kept.size === 0) this.#release();
      if (!this.#isFull) this.#resumeSource();
      return Promise.resolve({ done: false, value });
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#hasEnded) return Promise.resolve(NO_CHUNK);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Ends the reading and releases the memory. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.#release();
    this.#failure = undefined;
    this.end();
    return Promise.resolve(NO_CHUNK);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  get #isFull(): boolean {
    return this.#kept.size > (this.#isMoveRequested ? 0 : AHEAD_BYTES);
  }

  #takeWaiting(): WaitingRead | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  #tooLarge(limitBytes: number): FileTooLargeError {
    return new FileTooLargeError({
      subject: `The file in the field ${quoteText(this.#fieldname)}`,
      limitBytes,
      problem: `has more than ${limitBytes} bytes (limits.fileSize). Send less, or raise the limit.`,
    });
  }

  /** From now on the reader moves the content to disk when asked. */
  #setReady(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    if (!this.#isMoveRequested) this.#budget.removeMovable(this);
    this.#resolveReady();
  }

  #release(): void {
    this.#kept.release();
    this.#budget.removeMovable(this);
  }

  #pauseSource(): void {
    if (this.#isPaused || this.#hasEnded) return;
    this.#isPaused = true;
    this.#source.pause();
  }

  #resumeSource(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#source.resume();
  }
}
