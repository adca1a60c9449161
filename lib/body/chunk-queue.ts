import { quoteText } from '../errors/client-text.js';
import { FileTooLargeError } from '../errors/errors.js';
import { ChunkBuffer } from './chunk-buffer.js';
import { NO_CHUNK, type ChunkResult, type ChunkReader, type WaitingRead } from './chunks.js';
import type { MemoryBudget, MovableMemory } from './memory-budget.js';
import type { QueuedSource } from './open-source.js';

/** So much is taken ahead, which saves stopping the source after every piece. */
const AHEAD_BYTES = 65_536;

/** What pieces come from. */
interface ChunkSource {
  /** Gives no more for a while; a few that are on their way may still come. */
  pause(): unknown;
  /** Goes on. */
  resume(): unknown;
}

/**
 * The content of a file on its way from a form to whoever stores it, up to the file's limit. A
 * reader that leaves early does not stop the source: the form goes on. Until it is ready nobody
 * reads it; when its memory is wanted for something else, it is ready at once, so that its reader
 * may take it to disk.
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
   * Resolves when the file is there as a whole, when so much of it is there that it should be read,
   * or when it has failed.
   */
  readonly ready = new Promise<void>(resolve => (this.#resolveReady = resolve));
  #isReady = false;
  #isAsked = false;
  #isPaused = false;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;
  /** Whoever waits for the next piece; there is none in the queue then. */
  #waiting: WaitingRead | undefined;

  /**
   * `source` is paused while the reader is behind. A file of more than `limitBytes` ends with
   * {@link FileTooLargeError}; `Infinity` is for a source with a limit of its own. With nothing left
   * of `budget`, one chunk is taken at a time. `fieldname` is the form field that brings the file.
   */
  constructor(source: ChunkSource, limitBytes: number, budget: MemoryBudget, fieldname: string) {
    this.#source = source;
    this.#limitBytes = limitBytes;
    this.#budget = budget;
    this.#fieldname = fieldname;
    this.#kept = new ChunkBuffer(budget, true);
  }

  /** True when its memory is wanted for something else. */
  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** Number of bytes it holds. */
  get heldBytes(): number {
    return this.#kept.size;
  }

  /** Has it read, and from now on takes one piece at a time. */
  moveToDisk(): void {
    this.#isAsked = true;
    if (this.#kept.size > 0) this.#pause();
    this.#setReady();
  }

  /** Puts a piece behind the others; passed over when nobody reads any more. */
  add(chunk: Uint8Array): void {
    if (this.#hasEnded) return;
    this.#seenBytes += chunk.byteLength;
    if (this.#seenBytes > this.#limitBytes) return this.failTooLarge();
    const waiting = this.#takeWaiting();
    if (waiting !== undefined) return waiting.resolve({ done: false, value: chunk });
    if (!this.#kept.tryAppend(chunk)) {
      this.#kept.append(chunk);
      this.#isAsked = true;
      this.#budget.addMoving(this);
    }
    if (this.#isFull) {
      this.#pause();
      this.#setReady();
    } else if (!this.#isReady) this.#budget.addMovable(this);
  }

  /** There are no more pieces. */
  end(): void {
    this.#hasEnded = true;
    this.#goOn();
    this.#takeWaiting()?.resolve(NO_CHUNK);
    this.#setReady();
  }

  /** There are no more pieces, and those in the queue are of no use. */
  fail(error: unknown): void {
    if (this.#hasEnded) return;
    this.#failure = { error };
    this.#release();
    this.#hasEnded = true;
    this.#goOn();
    this.#takeWaiting()?.reject(error);
    this.#setReady();
  }

  /**
   * As {@link fail}, for a file that goes on behind its limit; a parser that has one of its own
   * cuts the file off there.
   */
  failTooLarge(): void {
    this.fail(this.#tooLarge(Math.min(this.#limitBytes, this.#seenBytes)));
  }

  /** True when a file may have so many bytes. @throws {@link FileTooLargeError} */
  assertMayHave(bytes: number): void {
    if (bytes > this.#limitBytes) throw this.#tooLarge(this.#limitBytes);
  }

  /**
   * Takes all pieces when the file is there as a whole, and within the budget; undefined when it is
   * not.
   */
  takeWhole(): ChunkBuffer | undefined {
    const isWhole = this.#hasEnded && this.#kept.size === this.#seenBytes;
    if (!isWhole || this.#failure !== undefined || this.#kept.isOverdrawn) return undefined;
    const kept = this.#kept;
    this.#kept = new ChunkBuffer(this.#budget, true);
    this.#release();
    return kept;
  }

  /** Gives the next piece, as soon as there is one. */
  next(): Promise<ChunkResult> {
    const value = this.#kept.shift();
    if (value !== undefined) {
      if (this.#isAsked && this.#kept.size === 0) this.#release();
      if (!this.#isFull) this.#goOn();
      return Promise.resolve({ done: false, value });
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#hasEnded) return Promise.resolve(NO_CHUNK);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Nobody reads any more. */
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
    return this.#kept.size > (this.#isAsked ? 0 : AHEAD_BYTES);
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

  /** Its reader takes over, who sees to it that what was asked for goes to disk. */
  #setReady(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    if (!this.#isAsked) this.#budget.removeMovable(this);
    this.#resolveReady();
  }

  #release(): void {
    this.#kept.release();
    this.#budget.removeMovable(this);
  }

  #pause(): void {
    if (this.#isPaused || this.#hasEnded) return;
    this.#isPaused = true;
    this.#source.pause();
  }

  #goOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#source.resume();
  }
}
