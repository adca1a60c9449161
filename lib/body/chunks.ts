import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { WxCloudStorageError } from '../errors/errors.js';
import { IdleTimer } from './idle-timer.js';

/** The result of asking for a chunk. */
export type ChunkResult = IteratorResult<Uint8Array, undefined>;

/**
 * Bytes that come piece by piece; a reader that leaves before their end calls `return`. Plain
 * iterators: an async generator for every step between a form and the storage would take more of
 * the processor than what the steps do.
 */
export interface ChunkReader extends AsyncIterable<Uint8Array> {
  /** The next piece; one call at a time. */
  next(): Promise<ChunkResult>;
  /** Lets go of what the pieces come from. Can be called again, also behind the end. */
  return(): Promise<IteratorReturnResult<undefined>>;
}

/** Whoever waits for the next piece. */
export interface WaitingRead {
  /** Gives it. */
  readonly resolve: (result: ChunkResult) => void;
  /** Tells why there is none. */
  readonly reject: (error: unknown) => void;
}

/** The result behind the last chunk. */
export const NO_CHUNK: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * A larger piece is given in parts, so that whoever keeps, copies or sends one never has much at a
 * time.
 */
const MAX_CHUNK_BYTES = 262_144;

/** Passes pieces on, after a look at each result; what `check` throws ends the reading. */
export function checkChunks(
  chunks: ChunkReader,
  check: (result: ChunkResult) => void,
): ChunkReader {
  const onResult = (result: ChunkResult): ChunkResult => {
    try {
      check(result);
    } catch (error) {
      void chunks.return();
      throw error;
    }
    return result;
  };
  return {
    next: () => chunks.next().then(onResult),
    return: () => chunks.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/**
 * Copies every piece, for whoever still needs one when the source already fills its buffer again.
 */
export function copyChunks(chunks: ChunkReader): ChunkReader {
  const copy = (result: ChunkResult): ChunkResult =>
    result.done === true ? result : { done: false, value: Buffer.from(result.value) };
  return {
    next: () => chunks.next().then(copy),
    return: () => chunks.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/**
 * Chunks that were read already, and then those that are still to come. `onResumed` is called once
 * none of those that were read is held any more.
 */
export function resumeChunks(
  read: readonly Uint8Array[],
  rest: ChunkReader,
  onResumed: () => void = () => {},
): ChunkReader {
  const held = [...read];
  return {
    next: () => {
      const value = held.shift();
      if (value !== undefined) return Promise.resolve({ done: false, value });
      onResumed();
      return rest.next();
    },
    return: () => {
      held.length = 0;
      onResumed();
      return rest.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/**
 * Reads a source piece by piece as bytes. Ends with a typed error when the source fails, stalls or
 * yields something else than bytes or text, and when the signal is aborted; a Node stream is then
 * destroyed.
 */
export function readChunks(
  source: AsyncIterable<unknown>,
  idleMs: number,
  signal: AbortSignal,
): ChunkReader {
  return new SourceReader(source, idleMs, signal);
}

/**
 * Waits for one piece at a time, no longer than it may take. One timer and one listener serve all
 * pieces of a source.
 */
class SourceReader implements ChunkReader {
  readonly #source: AsyncIterable<unknown>;
  readonly #idleMs: number;
  readonly #signal: AbortSignal;
  /** Between two pieces it is the reader that takes its time, and the next call tells it. */
  readonly #onAbort = (): void => {
    if (this.#waiting !== undefined) this.#fail(this.#signal.reason);
  };
  /** Undefined until the first piece is asked for. */
  #iterator: AsyncIterator<unknown> | undefined;
  /** What is left of a piece that is given in parts. */
  #rest: Uint8Array | undefined;
  #idle: IdleTimer | undefined;
  #isOver = false;
  #waiting: WaitingRead | undefined;

  constructor(source: AsyncIterable<unknown>, idleMs: number, signal: AbortSignal) {
    this.#source = source;
    this.#idleMs = idleMs;
    this.#signal = signal;
  }

  next(): Promise<ChunkResult> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) return resolve(NO_CHUNK);
      this.#waiting = { resolve, reject };
      try {
        const iterator = this.#iterator ?? this.#begin();
        if (this.#signal.aborted) return this.#fail(this.#signal.reason);
        if (this.#rest !== undefined) return this.#give(this.#rest);
        this.#idle?.touch();
        // Holds also with an iterator that answers no promise.
        Promise.resolve(iterator.next()).then(this.#onResult, this.#onSourceFailure);
      } catch (error) {
        this.#fail(sourceFailed(error));
      }
    });
  }

  /** Lets go of the source; whoever waits for a piece gets none. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.#end(false);
    this.#settle()?.resolve(NO_CHUNK);
    return Promise.resolve(NO_CHUNK);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #begin(): AsyncIterator<unknown> {
    this.#iterator = openIterator(this.#source);
    this.#signal.addEventListener('abort', this.#onAbort);
    this.#idle = new IdleTimer(this.#idleMs, () => this.#onIdle());
    this.#idle.start();
    return this.#iterator;
  }

  #onIdle(): void {
    if (this.#waiting === undefined) this.#idle?.start();
    else this.#fail(stalled(this.#idleMs));
  }

  readonly #onResult = (result: unknown): void => {
    if (this.#isOver) return;
    try {
      const { done, value } = asResult(result);
      if (done !== true) return this.#give(toBytes(value));
      this.#end(true);
      this.#settle()?.resolve(NO_CHUNK);
    } catch (error) {
      this.#fail(error);
    }
  };

  #give(chunk: Uint8Array): void {
    const isLarge = chunk.byteLength > MAX_CHUNK_BYTES;
    this.#rest = isLarge ? chunk.subarray(MAX_CHUNK_BYTES) : undefined;
    const value = isLarge ? chunk.subarray(0, MAX_CHUNK_BYTES) : chunk;
    this.#settle()?.resolve({ done: false, value });
  }

  readonly #onSourceFailure = (error: unknown): void => this.#fail(sourceFailed(error));

  #fail(error: unknown): void {
    this.#end(false);
    this.#settle()?.reject(error);
  }

  #settle(): WaitingRead | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  /** Does not wait for the source when that has not ended: it may be stalled. */
  #end(hasEnded: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#rest = undefined;
    this.#idle?.stop();
    this.#signal.removeEventListener('abort', this.#onAbort);
    if (hasEnded) return;
    const iterator = this.#iterator;
    abandonSource(this.#source);
    // What it still throws concerns nobody, as the reading has ended already.
    void (async () => iterator?.return?.())().catch(() => {});
  }
}

/**
 * Lets go of a stream that will not be read (any further), so that what it holds open is closed.
 */
export function abandonSource(source: unknown): void {
  if (source instanceof Readable) {
    // A stream may fail while it is being destroyed, or have failed before anybody listened.
    source.on('error', () => {});
    source.destroy();
  } else if (source instanceof ReadableStream && !source.locked) {
    source.cancel().catch(() => {});
  }
}

function openIterator(source: AsyncIterable<unknown>): AsyncIterator<unknown> {
  try {
    return source instanceof ReadableStream
      ? readWebStream(source)
      : source[Symbol.asyncIterator]();
  } catch (error) {
    // E.g. a web stream that somebody else is reading.
    throw sourceFailed(error);
  }
}

/**
 * A web stream's own iterator cancels it only once the piece it waits for is there: never, when it
 * is stalled.
 */
function readWebStream(stream: ReadableStream<unknown>): AsyncIterator<unknown> {
  const reader = stream.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      return done ? { done: true, value: undefined } : { done: false, value };
    },
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

function asResult(result: unknown): IteratorResult<unknown> {
  if (typeof result === 'object' && result !== null) return result as IteratorResult<unknown>;
  throw sourceFailed(new TypeError('The iterator answered no result.'));
}

function stalled(idleMs: number): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_BODY_STALLED',
    message: `The body to upload did not go on for ${idleMs} ms; nothing was stored. Send it faster, or raise timeouts.idleMs.`,
  });
}

/** The caller's own error is kept as the cause: it is theirs, not the cloud's. */
export function sourceFailed(error: unknown): WxCloudStorageError {
  if (error instanceof WxCloudStorageError) return error;
  return new WxCloudStorageError({
    code: 'WX_CLOUD_BODY_FAILED',
    message: 'The body to upload could not be read to its end; nothing was stored. See the cause.',
    cause: error,
  });
}

function toBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk);
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: `The body to upload yielded a ${typeof chunk}; pieces must be Uint8Array or text. Encode it first.`,
  });
}
