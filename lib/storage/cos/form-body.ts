import { randomBytes } from 'node:crypto';

/** File content: a buffer, buffered chunks, or a one-shot stream. */
type FileBytes = Buffer | readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/** Content of a form upload. */
interface FormParts {
  /** The fields, in order; all come before the file. */
  readonly fields: Readonly<Record<string, string>>;
  /** Size of the file in bytes. */
  readonly size: number;
  /** The file; it has to yield exactly `size` bytes, and `extraBytes` of them. */
  readonly file: FileBytes;
  /**
   * Called at the end of the file; returns the number of bytes that it has more than `size`, 0 to
   * 2. The form is then as long as announced, but without the line end after its last boundary,
   * which is optional.
   * @defaultValue 0
   * @see https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1
   */
  readonly extraBytes?: (() => number) | undefined;
  /**
   * Receives the number of file bytes passed to the connection; not called for a form in one
   * buffer.
   * @defaultValue none
   */
  readonly onFileBytes?: ((count: number) => void) | undefined;
  /**
   * Reserves the memory for a copy of the whole form. Returns false to send the form in chunks.
   * @defaultValue unlimited memory
   */
  readonly canJoin?: ((bytes: number) => boolean) | undefined;
}

/** Maximum size of a form that is copied into one buffer, which costs less than several writes. */
const MAX_JOINED_BYTES = 262_144;
/** Chunk size of a large buffer, so that an abort takes effect between chunks. */
const CHUNK_BYTES = 262_144;

/** Prefix of boundaries. It is secret to the process, so no file can contain the next boundary. */
const BOUNDARY_PREFIX = `----wx-cloud-storage-${randomBytes(18).toString('hex')}-`;
let formCount = 0;

/**
 * Builds a `multipart/form-data` body with `file` as the last field, as COS requires, and its exact
 * length, as COS does not accept chunked forms. Field values are sent as raw UTF-8. `isSent`
 * returns true once the last byte was passed to the connection, so that COS may have processed the
 * form.
 * @see https://cloud.tencent.com/document/api/436/14690
 */
export function buildForm({
  fields,
  size,
  file,
  extraBytes = () => 0,
  onFileBytes,
  canJoin,
}: FormParts): {
  readonly headers: { readonly 'content-type': string; readonly 'content-length': string };
  readonly body: Buffer | AsyncIterableIterator<Uint8Array>;
  readonly isSent: () => boolean;
} {
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
  if (isInMemory(file) && length <= MAX_JOINED_BYTES && canJoin?.(length) !== false) {
    const chunks = Buffer.isBuffer(file) ? [file] : file;
    // Without a length, which would pad or cut off a file of another size.
    return { headers, body: Buffer.concat([head, ...chunks, tail]), isSent: () => true };
  }
  const makeTail = (): Buffer => tail.subarray(0, tail.byteLength - extraBytes());
  const form = new FormChunks(head, file, makeTail, onFileBytes);
  return { headers, body: form, isSent: () => form.isSent };
}

type FileIterator = Iterator<Uint8Array> | AsyncIterator<Uint8Array>;

/** The chunks of a form, in order. A plain iterator, as every chunk of a file passes through it. */
class FormChunks implements AsyncIterableIterator<Uint8Array> {
  readonly #head: Buffer;
  readonly #content: FileBytes;
  readonly #makeTail: () => Buffer;
  readonly #onFileBytes: ((count: number) => void) | undefined;
  #file: FileIterator | undefined;
  /** Size of the last chunk. */
  #takenBytes = 0;
  isSent = false;
  #isOver = false;

  constructor(
    head: Buffer,
    content: FileBytes,
    makeTail: () => Buffer,
    onFileBytes: ((count: number) => void) | undefined,
  ) {
    this.#head = head;
    this.#content = content;
    this.#makeTail = makeTail;
    this.#onFileBytes = onFileBytes;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#isOver) return { done: true, value: undefined };
    if (this.#file === undefined) {
      this.#file = iterate(this.#content);
      return { done: false, value: this.#head };
    }
    // The connection has accepted the last chunk when it requests the next one.
    if (this.#takenBytes > 0) this.#onFileBytes?.(this.#takenBytes);
    const result = await this.#file.next();
    // After a return in the meantime, the file may have ended early.
    if (this.#isOver) return { done: true, value: undefined };
    if (result.done !== true) {
      this.#takenBytes = result.value.byteLength;
      return result;
    }
    this.#isOver = true;
    this.isSent = true;
    return { done: false, value: this.#makeTail() };
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

function isInMemory(file: FileBytes): file is Buffer | readonly Uint8Array[] {
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
