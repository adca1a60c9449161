import type { Readable } from 'node:stream';

/** So much is taken ahead, which saves stopping the stream after every piece. */
const AHEAD_BYTES = 65_536;

/**
 * Reads a stream piece by piece and leaves it as it is when the reading ends early: form parsers do not survive that one of
 * their streams is destroyed. Costs less than the stream's own iterator, and joins no pieces.
 */
export class StreamPieces implements AsyncIterableIterator<Uint8Array> {
  readonly #stream: Readable;
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;
  #isOver = false;
  #error: unknown;
  /** Whoever waits for the next piece. */
  #wake: (() => void) | undefined;

  /** Starts to read. */
  constructor(stream: Readable) {
    this.#stream = stream;
    stream.on('data', this.#onData);
    stream.once('end', this.#onEnd);
    stream.once('error', this.#onError);
    stream.once('close', this.#onClose);
    if (stream.readableEnded) this.#onEnd();
    else if (stream.destroyed) this.#onClose();
  }

  /** Gives the next piece, as soon as there is one. */
  async next(): Promise<IteratorResult<Uint8Array>> {
    while (this.#pieces.length === 0 && !this.#isOver) {
      await new Promise<void>(resolve => (this.#wake = resolve));
    }
    const piece = this.#pieces.shift();
    if (piece !== undefined) {
      this.#bytes -= piece.byteLength;
      if (this.#stream.isPaused() && this.#bytes < AHEAD_BYTES) this.#stream.resume();
      return { done: false, value: piece };
    }
    if (this.#error !== undefined) throw this.#error;
    return { done: true, value: undefined };
  }

  /** Ends the reading; what is left of the stream is nobody's any more. */
  return(): Promise<IteratorResult<Uint8Array>> {
    this.#stream.off('data', this.#onData);
    this.#stream.off('end', this.#onEnd);
    this.#stream.off('error', this.#onError);
    this.#stream.off('close', this.#onClose);
    this.#pieces.length = 0;
    this.#finish(undefined);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #onData = (piece: Uint8Array): void => {
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
    if (this.#bytes >= AHEAD_BYTES) this.#stream.pause();
    this.#wake?.();
  };

  readonly #onEnd = (): void => this.#finish(undefined);

  readonly #onError = (error: unknown): void => this.#finish(error);

  readonly #onClose = (): void => {
    if (!this.#isOver) this.#finish(new Error('The stream was closed before its end.'));
  };

  #finish(error: unknown): void {
    if (!this.#isOver) this.#error = error;
    this.#isOver = true;
    this.#wake?.();
  }
}
