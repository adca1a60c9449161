import { createHash, type Hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BodyBytes } from '../../body/upload-body.js';

/** Larger buffers are sent in pieces, so that an abort takes effect between them. */
const PIECE_BYTES = 262_144;
/** Number of bytes that are hashed at a time; a few milliseconds. */
const HASHED_AT_ONCE_BYTES = 2_097_152;

type BytesIterator = Iterator<Uint8Array> | AsyncIterator<Uint8Array>;

/** Content in memory. */
type BytesInMemory = Buffer | readonly Uint8Array[];

/** True for content that is in memory as a whole. */
export function isInMemory(bytes: BodyBytes): bytes is BytesInMemory {
  return Buffer.isBuffer(bytes) || Array.isArray(bytes);
}

/** Computes the MD5 of content in memory, in hex, without holding the process for long. */
export async function md5Of(bytes: BytesInMemory): Promise<string> {
  const hash = createHash('md5');
  let hashedBytes = 0;
  for (const piece of Buffer.isBuffer(bytes) ? cut(bytes) : bytes) {
    hash.update(piece);
    hashedBytes += piece.byteLength;
    if (hashedBytes < HASHED_AT_ONCE_BYTES) continue;
    hashedBytes = 0;
    await nextTurn();
  }
  return hash.digest('hex');
}

/** The body of one request, which knows whether all of it was sent. */
export interface RequestBody {
  /** The bytes for the transport. */
  readonly bytes: Buffer | AsyncIterableIterator<Uint8Array>;
  /** True once the last byte was passed to the connection, so that COS may have stored it. */
  isSent(): boolean;
  /** The MD5 of the sent bytes in hex; undefined where it was not asked for. */
  md5(): string | undefined;
}

/**
 * Makes the body of one request. `hashes` computes the MD5 while it is sent. `onBytes` receives the
 * number of bytes passed to the connection.
 */
export function toObjectBody(
  bytes: BodyBytes,
  hashes: boolean,
  onBytes?: (count: number) => void,
): RequestBody {
  const single = isInMemory(bytes) ? singleOf(bytes) : undefined;
  if (single === undefined || single.byteLength > PIECE_BYTES || hashes) {
    const chunks = new BodyChunks(bytes, hashes ? createHash('md5') : undefined, onBytes);
    return { bytes: chunks, isSent: () => chunks.isSent, md5: () => chunks.md5 };
  }
  return { bytes: single, isSent: () => true, md5: () => undefined };
}

/** Returns content that is one buffer. */
function singleOf(bytes: BytesInMemory): Buffer | undefined {
  if (Buffer.isBuffer(bytes)) return bytes;
  const [first, ...others] = bytes;
  if (first === undefined) return Buffer.alloc(0);
  if (others.length > 0) return undefined;
  return Buffer.from(first.buffer, first.byteOffset, first.byteLength);
}

/**
 * The chunks of a body, in order. The last one goes out only when the content has ended well: COS
 * would store content that breaks off behind it as a whole object. A plain iterator, as every chunk
 * of a file passes through it.
 */
class BodyChunks implements AsyncIterableIterator<Uint8Array> {
  readonly #chunks: BytesIterator;
  readonly #hash: Hash | undefined;
  readonly #onBytes: ((count: number) => void) | undefined;
  /** The chunk that was read last, and is sent next. */
  #held: Uint8Array | undefined;
  #hasEnded = false;
  /** Size of the chunk that was sent last. */
  #sentBytes = 0;
  #isReturned = false;

  constructor(
    bytes: BodyBytes,
    hash: Hash | undefined,
    onBytes: ((count: number) => void) | undefined,
  ) {
    this.#chunks = iterate(bytes);
    this.#hash = hash;
    this.#onBytes = onBytes;
  }

  get isSent(): boolean {
    return this.#hasEnded && this.#held === undefined;
  }

  get md5(): string | undefined {
    return this.isSent ? this.#hash?.copy().digest('hex') : undefined;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    // The connection has accepted the last chunk when it requests the next one.
    if (this.#sentBytes > 0) this.#onBytes?.(this.#sentBytes);
    this.#sentBytes = 0;
    if (!this.#hasEnded && this.#held === undefined) this.#hold(await this.#chunks.next());
    const value = this.#held;
    if (this.#isReturned || value === undefined) return { done: true, value: undefined };
    this.#hold(await this.#chunks.next());
    // After a return in the meantime, the content may have ended early.
    if (this.#isReturned) return { done: true, value: undefined };
    this.#sentBytes = value.byteLength;
    this.#hash?.update(value);
    return { done: false, value };
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    if (!this.#isReturned) {
      this.#isReturned = true;
      await this.#chunks.return?.();
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #hold({ done, value }: IteratorResult<Uint8Array>): void {
    if (this.#isReturned) return;
    this.#held = done === true ? undefined : value;
    this.#hasEnded = done === true;
  }
}

function iterate(bytes: BodyBytes): BytesIterator {
  if (Buffer.isBuffer(bytes)) return cut(bytes);
  return Symbol.asyncIterator in bytes ? bytes[Symbol.asyncIterator]() : bytes[Symbol.iterator]();
}

function* cut(buffer: Buffer): Generator<Uint8Array> {
  for (let start = 0; start < buffer.byteLength; start += PIECE_BYTES) {
    yield buffer.subarray(start, start + PIECE_BYTES);
  }
}
