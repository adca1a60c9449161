import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { WxCloudStorageError } from '../errors/index.js';

/** How a source is read. */
export interface ReadContext {
  /** How long one piece may take to arrive, in milliseconds. */
  readonly idleMs: number;
  /** Ends the reading, also while it waits for a piece. */
  readonly signal: AbortSignal;
}

/**
 * Reads a source piece by piece as bytes. Ends with a typed error when the source fails, stalls or yields something
 * else than bytes or text, and when the signal is aborted; a Node stream is then destroyed.
 */
export async function* readPieces(
  source: AsyncIterable<unknown>,
  context: ReadContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = openIterator(source);
  const watch = new PieceWatch(context);
  let isDone = false;
  try {
    for (;;) {
      const result = await watch.next(iterator);
      if (result.done === true) {
        isDone = true;
        return;
      }
      yield toBytes(result.value);
    }
  } finally {
    watch.dispose();
    if (!isDone) abandon(source, iterator);
  }
}

/** Waits for one piece at a time, no longer than it may take. One timer and one listener serve all pieces of a source. */
class PieceWatch {
  readonly #context: ReadContext;
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort: () => void;
  /** Ends the waiting for the piece that is awaited; undefined while none is. */
  #giveUp: ((error: unknown) => void) | undefined;

  constructor(context: ReadContext) {
    this.#context = context;
    const { signal, idleMs } = context;
    this.#onAbort = () => this.#giveUp?.(signal.reason);
    signal.addEventListener('abort', this.#onAbort);
    this.#timer = setTimeout(() => this.#giveUp?.(stalled(idleMs)), idleMs);
  }

  next(iterator: AsyncIterator<unknown>): Promise<IteratorResult<unknown>> {
    const { signal } = this.#context;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      this.#giveUp = reject;
      this.#timer.refresh();
      takeNext(iterator).then(resolve, (error: unknown) => reject(sourceFailed(error)));
    });
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#context.signal.removeEventListener('abort', this.#onAbort);
  }
}

/** Does not wait: the source may be stalled. */
function abandon(source: AsyncIterable<unknown>, iterator: AsyncIterator<unknown>): void {
  abandonSource(source);
  // What it still throws concerns nobody, as the reading has ended already.
  void (async () => iterator.return?.())().catch(() => {});
}

/** Lets go of a stream that will not be read (any further), so that what it holds open is closed. */
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

/** A web stream's own iterator cancels it only once the piece it waits for is there: never, when it is stalled. */
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

/** Holds also with an iterator that throws at once, or answers no promise or no result. */
async function takeNext(iterator: AsyncIterator<unknown>): Promise<IteratorResult<unknown>> {
  const result: unknown = await iterator.next();
  if (typeof result === 'object' && result !== null) return result as IteratorResult<unknown>;
  throw new TypeError('The iterator answered no result.');
}

function stalled(idleMs: number): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_BODY_STALLED',
    message: `The body to upload did not go on for ${idleMs} ms; nothing was stored. Send it faster, or raise timeouts.idleMs.`,
  });
}

/** The caller's own error is kept as the cause: it is theirs, not the cloud's. */
function sourceFailed(error: unknown): WxCloudStorageError {
  if (error instanceof WxCloudStorageError) return error;
  return new WxCloudStorageError({
    code: 'WX_CLOUD_BODY_FAILED',
    message: 'The body to upload could not be read to its end; nothing was stored. See the cause.',
    cause: error,
  });
}

function toBytes(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece;
  if (typeof piece === 'string') return Buffer.from(piece);
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: `The body to upload yielded a ${typeof piece}; pieces must be Uint8Array or text. Encode it first.`,
  });
}
