import { NO_PIECE, type PieceResult, type Pieces, type WaitingReader } from '../body/index.js';
import { FileTooLargeError } from '../errors/index.js';

/** So much is taken ahead, which saves stopping the source after every piece. */
const AHEAD_BYTES = 65_536;
/** As a piece takes memory of its own, however small it is. */
const AHEAD_PIECES = 256;

/** What pieces come from. */
export interface PieceSource {
  /** Gives no more for a while; a few that are on their way may still come. */
  pause(): unknown;
  /** Goes on. */
  resume(): unknown;
}

/** What a queue is made for. */
export interface PieceQueueParts {
  /** Paused while the reader is behind. */
  readonly source: PieceSource;
  /** How many bytes the file may have; Infinity where the source has a limit of its own. */
  readonly limitBytes: number;
}

/**
 * The content of a file on its way from a form to whoever stores it, up to the file's limit. A reader that leaves early does not stop the source: the form goes on.
 */
export class PieceQueue implements Pieces {
  readonly #parts: PieceQueueParts;
  #pieces: Uint8Array[] = [];
  #seenBytes = 0;
  #keptBytes = 0;
  #setReady: () => void = () => {};
  /** Resolves when the file is there as a whole, when so much of it is there that it should be read, or when it has failed. */
  readonly ready = new Promise<void>(resolve => (this.#setReady = resolve));
  #isPaused = false;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;
  /** Whoever waits for the next piece; there is none in the queue then. */
  #waiting: WaitingReader | undefined;

  /** A file of more than `limitBytes` ends with {@link FileTooLargeError}. */
  constructor(parts: PieceQueueParts) {
    this.#parts = parts;
  }

  /** Puts a piece behind the others; passed over when nobody reads any more. */
  add(piece: Uint8Array): void {
    if (this.#hasEnded) return;
    this.#seenBytes += piece.byteLength;
    if (this.#seenBytes > this.#parts.limitBytes) return this.failTooLarge();
    const waiting = this.#takeWaiting();
    if (waiting !== undefined) return waiting.resolve({ done: false, value: piece });
    this.#pieces.push(piece);
    this.#keptBytes += piece.byteLength;
    if (!this.#isFull || this.#isPaused) return;
    this.#isPaused = true;
    this.#parts.source.pause();
    this.#setReady();
  }

  /** There are no more pieces. */
  end(): void {
    this.#hasEnded = true;
    this.#goOn();
    this.#takeWaiting()?.resolve(NO_PIECE);
    this.#setReady();
  }

  /** There are no more pieces, and those in the queue are of no use. */
  fail(error: unknown): void {
    if (this.#hasEnded) return;
    this.#failure = { error };
    this.#pieces.length = 0;
    this.#hasEnded = true;
    this.#goOn();
    this.#takeWaiting()?.reject(error);
    this.#setReady();
  }

  /** As {@link fail}, for a file that goes on behind its limit; a parser that has one of its own cuts the file off there. */
  failTooLarge(): void {
    this.fail(this.#tooLarge(Math.min(this.#parts.limitBytes, this.#seenBytes)));
  }

  /** Whether a file may have so many bytes. @throws {@link FileTooLargeError} */
  assertMayHave(bytes: number): void {
    const { limitBytes } = this.#parts;
    if (bytes > limitBytes) throw this.#tooLarge(limitBytes);
  }

  /** Takes all pieces when the file is there as a whole; undefined when it is not. */
  takeWhole(): readonly Uint8Array[] | undefined {
    if (!this.#hasEnded || this.#failure !== undefined || this.#keptBytes < this.#seenBytes) {
      return undefined;
    }
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  /** Gives the next piece, as soon as there is one. */
  next(): Promise<PieceResult> {
    const value = this.#pieces.shift();
    if (value !== undefined) {
      this.#keptBytes -= value.byteLength;
      if (!this.#isFull) this.#goOn();
      return Promise.resolve({ done: false, value });
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#hasEnded) return Promise.resolve(NO_PIECE);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Nobody reads any more. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.#pieces.length = 0;
    this.#failure = undefined;
    this.end();
    return Promise.resolve(NO_PIECE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  get #isFull(): boolean {
    return this.#keptBytes > AHEAD_BYTES || this.#pieces.length >= AHEAD_PIECES;
  }

  #takeWaiting(): WaitingReader | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  #tooLarge(limitBytes: number): FileTooLargeError {
    return new FileTooLargeError({ subject: 'The file', limitBytes });
  }

  #goOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#parts.source.resume();
  }
}
