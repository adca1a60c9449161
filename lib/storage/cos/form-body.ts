import { randomBytes } from 'node:crypto';

/** A file: at hand, whole or in pieces, or to be read once. */
type FileBytes = Buffer | readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/** What a form upload sends. */
interface FormParts {
  /** The fields, in order; they all come before the file. */
  readonly fields: Readonly<Record<string, string>>;
  /** How many bytes the file has. */
  readonly size: number;
  /** The file: at hand, or to be read once; it has to yield exactly `size` bytes. */
  readonly file: FileBytes;
  /**
   * Told how many bytes of the file were handed to the connection; not for a form that is sent in
   * one piece.
   * @defaultValue nobody is
   */
  readonly onFileBytes?: ((count: number) => void) | undefined;
  /**
   * Asked for the memory of a copy of the whole form; without it the form is sent in pieces.
   * @defaultValue there is enough
   */
  readonly canJoin?: ((bytes: number) => boolean) | undefined;
}

/** A multipart form whose length is known before it is sent. */
interface ObjectForm {
  /** `Content-Type` with the boundary, and the exact `Content-Length`. */
  readonly headers: { readonly 'content-type': string; readonly 'content-length': string };
  /** What to send. */
  readonly body: Buffer | AsyncIterableIterator<Uint8Array>;
  /**
   * True when the last byte was handed to the connection, so that the other side may have acted on
   * the form.
   */
  readonly isSent: () => boolean;
}

/** Up to this size a copy into one buffer costs less than several writes. */
const MAX_JOINED_BYTES = 262_144;
/** A large buffer is sent in pieces, so that an abort takes effect between them. */
const CHUNK_BYTES = 262_144;

/** Nobody outside of the process sees it, so that no file can hold the next one. */
const BOUNDARY_PREFIX = `----wx-cloud-storage-${randomBytes(18).toString('hex')}-`;
let formCount = 0;

/**
 * Builds a `multipart/form-data` body with `file` as its last field, as COS demands, and its exact
 * length, as COS does not accept chunked forms. Field values are sent as raw UTF-8.
 * @see https://cloud.tencent.com/document/api/436/14690
 */
export function buildForm({ fields, size, file, onFileBytes, canJoin }: FormParts): ObjectForm {
  const boundary = nextBoundary();
  const head = Buffer.from(
    Object.entries(fields)
      .map(
        ([name, value]) =>
          `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
      )
      .join('') +
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n` +
      'Content-Type: application/octet-stream\r\n\r\n',
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  const length = head.byteLength + size + tail.byteLength;
  const headers = {
    'content-type': `multipart/form-data; boundary=${boundary}`,
    'content-length': String(length),
  };
  if (isAtHand(file) && length <= MAX_JOINED_BYTES && canJoin?.(length) !== false) {
    const chunks = Buffer.isBuffer(file) ? [file] : file;
    return { headers, body: Buffer.concat([head, ...chunks, tail], length), isSent: () => true };
  }
  const form = new FormChunks(head, file, tail, onFileBytes);
  return { headers, body: form, isSent: () => form.isSent };
}

type FileIterator = Iterator<Uint8Array> | AsyncIterator<Uint8Array>;

/**
 * The pieces of a form, in order. An iterator of its own, as every piece of a file comes through
 * it.
 */
class FormChunks implements AsyncIterableIterator<Uint8Array> {
  readonly #head: Buffer;
  readonly #content: FileBytes;
  readonly #tail: Buffer;
  readonly #onFileBytes: ((count: number) => void) | undefined;
  #file: FileIterator | undefined;
  /** Of the piece that was given last. */
  #takenBytes = 0;
  isSent = false;
  #isOver = false;

  constructor(
    head: Buffer,
    content: FileBytes,
    tail: Buffer,
    onFileBytes: ((count: number) => void) | undefined,
  ) {
    this.#head = head;
    this.#content = content;
    this.#tail = tail;
    this.#onFileBytes = onFileBytes;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#isOver) return { done: true, value: undefined };
    if (this.#file === undefined) {
      this.#file = iterate(this.#content);
      return { done: false, value: this.#head };
    }
    // Asked for the next piece, the connection has taken the last one.
    if (this.#takenBytes > 0) this.#onFileBytes?.(this.#takenBytes);
    const result = await this.#file.next();
    // Given back in the meantime, the file may have ended early.
    if (this.#isOver) return { done: true, value: undefined };
    if (result.done !== true) {
      this.#takenBytes = result.value.byteLength;
      return result;
    }
    this.#isOver = true;
    this.isSent = true;
    return { done: false, value: this.#tail };
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    if (!this.#isOver) {
      this.#isOver = true;
      await this.#file?.return?.();
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function iterate(file: FileBytes): FileIterator {
  if (Buffer.isBuffer(file)) return cut(file);
  return Symbol.asyncIterator in file ? file[Symbol.asyncIterator]() : file[Symbol.iterator]();
}

function isAtHand(file: FileBytes): file is Buffer | readonly Uint8Array[] {
  return Buffer.isBuffer(file) || Array.isArray(file);
}

function nextBoundary(): string {
  formCount += 1;
  return `${BOUNDARY_PREFIX}${formCount.toString(36)}`;
}

function* cut(buffer: Buffer): Generator<Uint8Array> {
  for (let start = 0; start < buffer.byteLength; start += CHUNK_BYTES) {
    yield buffer.subarray(start, start + CHUNK_BYTES);
  }
}
