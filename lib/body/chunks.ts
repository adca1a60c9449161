import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { WxCloudStorageError } from '../errors/errors.js';
import { IdleTimer } from './idle-timer.js';

/** The result of reading a chunk. */
export type ChunkResult = IteratorResult<Uint8Array, undefined>;

/**
 * Bytes that arrive in chunks. A reader that stops before the end calls `return`. Plain iterators,
 * as an async generator for every step between form and storage would cost more CPU time than the
 * steps themselves.
 */
export interface ChunkReader extends AsyncIterable<Uint8Array> {
  /** Reads the next chunk; one call at a time. */
  next(): Promise<ChunkResult>;
  /** Releases the source. Can be called again, also after the end. */
  return(): Promise<IteratorReturnResult<undefined>>;
}

/** Chunks that are counted where they come in. */
export interface CountedChunks extends ChunkReader {
  /** Number of bytes that the source has given; undefined before its end. */
  readonly countedBytes: number | undefined;
}

/** A pending read. */
export interface WaitingRead {
  /** Resolves the read. */
  readonly resolve: (result: ChunkResult) => void;
  /** Rejects the read. */
  readonly reject: (error: unknown) => void;
}

/** The result after the last chunk. */
export const NO_CHUNK: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Larger chunks are split, so that no consumer keeps, copies or sends more at a time. */
const MAX_CHUNK_BYTES = 262_144;

/**
 * Passes chunks on and calls `check` with each result; an error that it throws ends the reading.
 */
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

/** Copies every chunk, for a consumer that keeps one while the source reuses its buffer. */
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
 * Yields the chunks in `read`, then the rest. Calls `onResumed` once none of the chunks in `read`
 * is held any more.
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
 * Reads a source as chunks of bytes. `idleMs` is the longest wait for one chunk. Rejects with a
 * typed error when the source fails, stalls, or yields anything but bytes or text, and with the
 * reason of `signal` on an abort; a Node stream is then destroyed.
 */
export function readChunks(
  source: AsyncIterable<unknown>,
  idleMs: number,
  signal: AbortSignal,
): CountedChunks {
  return new SourceReader(source, idleMs, signal);
}

/**
 * Reads one chunk at a time within the idle limit. One timer and one listener serve the whole
 * source.
 */
class SourceReader implements CountedChunks {
  readonly #source: AsyncIterable<unknown>;
  readonly #idleMs: number;
  readonly #signal: AbortSignal;
  /** Only a pending read is aborted here; between two chunks the next call notices the abort. */
  readonly #onAbort = (): void => {
    if (this.#waiting !== undefined) this.#fail(this.#signal.reason);
  };
  /** Undefined until the first read. */
  #iterator: AsyncIterator<unknown> | undefined;
  /** The rest of a chunk that is split. */
  #rest: Uint8Array | undefined;
  #idle: IdleTimer | undefined;
  #givenBytes = 0;
  #hasEnded = false;
  #isOver = false;
  #waiting: WaitingRead | undefined;

  constructor(source: AsyncIterable<unknown>, idleMs: number, signal: AbortSignal) {
    this.#source = source;
    this.#idleMs = idleMs;
    this.#signal = signal;
  }

  get countedBytes(): number | undefined {
    return this.#hasEnded ? this.#givenBytes : undefined;
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
        // Also works for an iterator that returns no promise.
        Promise.resolve(iterator.next()).then(this.#onResult, this.#onSourceFailure);
      } catch (error) {
        this.#fail(sourceFailed(error));
      }
    });
  }

  /** Releases the source; a pending read ends without a chunk. */
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
      if (done !== true) {
        const chunk = toBytes(value);
        this.#givenBytes += chunk.byteLength;
        return this.#give(chunk);
      }
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

  /** Ends the reading. Does not wait for a source that has not ended, as it may be stalled. */
  #end(hasEnded: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#hasEnded = hasEnded;
    this.#rest = undefined;
    this.#idle?.stop();
    this.#signal.removeEventListener('abort', this.#onAbort);
    if (hasEnded) return;
    const iterator = this.#iterator;
    abandonSource(this.#source);
    // Later errors do not matter, as the reading has ended.
    void (async () => iterator?.return?.())().catch(() => {});
  }
}

/** Releases a stream that will not be read further, and what it holds open. */
export function abandonSource(source: unknown): void {
  if (source instanceof Readable) {
    // A stream may fail while it is destroyed, or may have failed without a listener.
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
    // For example a web stream that is locked by another reader.
    throw sourceFailed(error);
  }
}

/**
 * Reads a web stream and cancels it at once. Its own iterator cancels only after the pending chunk
 * has arrived, which never happens when the stream is stalled.
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
  throw sourceFailed(new TypeError('The iterator returned no result.'));
}

function stalled(idleMs: number): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_BODY_STALLED',
    message: `The body to upload did not go on for ${idleMs} ms; nothing was stored. Send it faster, or raise timeouts.idleMs.`,
  });
}

/** The error for a source that failed. An error of the caller becomes the `cause`. */
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
    message: `The body to upload yielded a ${typeof chunk}; chunks must be Uint8Array or text. Encode it first.`,
  });
}
