import { quoteText } from '../errors/client-text.js';
import { formBroken, formInvalid, headersMalformed } from './form-errors.js';

const NOTHING = Buffer.alloc(0);

/** Ignores the content of a part. */
export const NO_SINK: PartSink = { add: () => {}, end: () => {}, fail: () => {} };

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const LINE_END = Buffer.from('\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');
const FORM_END = Buffer.from('--');
/**
 * Maximum size of the headers of a part, the default of Node for a request.
 * @see https://nodejs.org/api/cli.html#--max-http-header-sizesize
 */
const LONGEST_HEAD_BYTES = 16_384;
/** Problem of a form whose line ends were changed in transit, or that was written by hand. */
const BARE_LINE_FEEDS = 'its lines end in LF; they have to end in CRLF';
const MOST_HEAD_BYTES = LONGEST_HEAD_BYTES + HEAD_END.byteLength;

/**
 * Collects chunks in one buffer, as chunks may be as small as a byte. A single chunk is kept
 * without a copy.
 */
export class GrowingBuffer {
  #buffer: Buffer = NOTHING;
  #size = 0;

  /** Number of bytes. */
  get size(): number {
    return this.#size;
  }

  /** All bytes, as a view that is valid until the next chunk is added. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }

  /** Appends a chunk. */
  add(chunk: Buffer): void {
    if (this.#size === 0) this.#buffer = chunk;
    else this.#append(chunk);
    this.#size += chunk.byteLength;
  }

  /** Copies the bytes if their buffer is much larger, before they wait for more. */
  compact(): void {
    if (this.#size * 2 < this.#buffer.buffer.byteLength) this.#buffer = copyOf(this.bytes);
  }

  /** Drops all bytes. */
  clear(): void {
    this.#buffer = NOTHING;
    this.#size = 0;
  }

  #append(chunk: Buffer): void {
    const size = this.#size + chunk.byteLength;
    if (size > this.#buffer.byteLength) {
      const grown = Buffer.allocUnsafeSlow(size * 2);
      grown.set(this.bytes);
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, this.#size);
  }
}

/** Copies a chunk into a buffer of its own. */
function copyOf(chunk: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(chunk.byteLength);
  copy.set(chunk);
  return copy;
}

/** Receives the content of a part. */
export interface PartSink {
  /** Receives the next bytes: a view of the bytes written to the form, which do not change. */
  add(bytes: Buffer): void;
  /** Called at the end of the content. */
  end(): void;
  /** Called when the content stays incomplete. */
  fail(error: Error): void;
}

/**
 * Splits the bytes of a form into its parts as they arrive, without keeping or copying them. The
 * search for the delimiter is the native one, which no input can slow down: bench/README.md has
 * figures.
 * @see https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1
 */
export class MultipartParser {
  readonly #delimiter: Buffer;
  readonly #openPart: (head: Buffer, part: number) => PartSink;
  #read: (bytes: Buffer) => Buffer = this.#readContent;
  /** Content before the first delimiter is ignored. */
  #sink = NO_SINK;
  /** Bytes that may begin a delimiter. The first delimiter needs no line before it. */
  #held: Buffer = LINE_END;
  /**
   * Number of next bytes that are not content: the line end of the headers may begin a delimiter.
   */
  #borrowed = 0;
  /** The number of the current part, from 1; 0 before the first one. */
  #part = 0;
  /** The headers so far. */
  readonly #head = new GrowingBuffer();
  #writtenBytes = 0;
  #position = 0;

  /**
   * `openPart` receives the header lines of a part, each with its line end, and the number of the
   * part. Its errors are thrown by {@link write}.
   */
  constructor(boundary: string, openPart: (head: Buffer, part: number) => PartSink) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
    this.#openPart = openPart;
  }

  /** Number of bytes from the start of the form to the end of the last headers. */
  get position(): number {
    return this.#position;
  }

  /** Number of bytes of incomplete headers. */
  get headBytes(): number {
    return this.#head.size;
  }

  /**
   * Processes the next bytes.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID`; no further bytes may be written
   * then
   */
  write(bytes: Buffer): void {
    let rest = bytes;
    this.#writtenBytes += bytes.byteLength;
    while (rest.byteLength > 0) rest = this.#read(rest);
    this.#head.compact();
  }

  /**
   * Ends the form.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when the form is incomplete
   */
  end(): void {
    if (this.#read === this.#readNothing) return;
    if (this.#part === 0) throw formInvalid(this.#missingBoundary());
    const isInHead = this.#read === this.#readHead;
    throw formBroken(isInHead ? ` in the headers of part ${this.#part}` : ` in part ${this.#part}`);
  }

  /** Abandons the form and the open part. */
  fail(error: Error): void {
    this.#sink.fail(error);
    this.#sink = NO_SINK;
    this.#read = this.#readNothing;
  }

  /** Reads content up to the next delimiter. Returns the bytes after it. */
  #readContent(bytes: Buffer): Buffer {
    const delimiter = this.#delimiter;
    if (this.#held.byteLength > 0) return this.#readBehindHeld(bytes);
    const at = bytes.indexOf(delimiter);
    if (at === -1) return this.#holdBack(bytes);
    return this.#closePart(bytes.subarray(0, at), bytes.subarray(at + delimiter.byteLength));
  }

  /**
   * Looks for a delimiter that begins in the bytes held back. Any other delimiter lies entirely in
   * the new bytes.
   */
  #readBehindHeld(bytes: Buffer): Buffer {
    const { byteLength } = this.#delimiter;
    const held = this.#held;
    const seam = Buffer.concat([held, bytes.subarray(0, byteLength - 1)]);
    this.#held = NOTHING;
    const at = seam.indexOf(this.#delimiter);
    if (at !== -1) {
      const behind = at + byteLength - held.byteLength;
      return this.#closePart(seam.subarray(0, at), bytes.subarray(behind));
    }
    if (bytes.byteLength < byteLength - 1) return this.#holdBack(seam);
    this.#addContent(held);
    return bytes;
  }

  /**
   * Passes on the bytes that cannot belong to a delimiter. A delimiter has one carriage return, its
   * first byte.
   */
  #holdBack(bytes: Buffer): Buffer {
    const delimiter = this.#delimiter;
    const tail = bytes.subarray(Math.max(0, bytes.byteLength - delimiter.byteLength + 1));
    const at = tail.lastIndexOf(CARRIAGE_RETURN);
    const last = at === -1 ? NOTHING : tail.subarray(at);
    const isBeginning = delimiter.subarray(0, last.byteLength).equals(last);
    // A copy, as a view would keep the whole buffer in memory.
    this.#held = isBeginning ? copyOf(last) : NOTHING;
    this.#addContent(bytes.subarray(0, bytes.byteLength - this.#held.byteLength));
    return NOTHING;
  }

  #closePart(content: Buffer, rest: Buffer): Buffer {
    this.#addContent(content);
    const sink = this.#sink;
    this.#sink = NO_SINK;
    this.#borrowed = 0;
    this.#part += 1;
    this.#read = this.#readHead;
    sink.end();
    return rest;
  }

  #addContent(bytes: Buffer): void {
    const content = bytes.subarray(this.#borrowed);
    this.#borrowed -= bytes.byteLength - content.byteLength;
    if (content.byteLength > 0) this.#sink.add(content);
  }

  /** Reads the bytes after a delimiter: two dashes, or the rest of the line and the headers. */
  #readHead(bytes: Buffer): Buffer {
    const head = this.#head;
    const before = head.size;
    head.add(bytes.subarray(0, MOST_HEAD_BYTES - before));
    const found = head.bytes;
    if (found.subarray(0, FORM_END.byteLength).equals(FORM_END)) {
      head.clear();
      this.#read = this.#readNothing;
      return NOTHING;
    }
    if (found[0] === LINE_FEED) throw formInvalid(BARE_LINE_FEEDS);
    const at = found.indexOf(HEAD_END, Math.max(0, before - HEAD_END.byteLength + 1));
    const next = found.indexOf(
      this.#delimiter,
      Math.max(0, before - this.#delimiter.byteLength + 1),
    );
    if (next !== -1 && (at === -1 || next < at)) {
      this.#passOver(found.subarray(0, next + LINE_END.byteLength));
      return bytes.subarray(next + this.#delimiter.byteLength - before);
    }
    if (at === -1) {
      if (head.size < MOST_HEAD_BYTES) return NOTHING;
      throw formInvalid(
        `the headers of part ${this.#part} take more than ${LONGEST_HEAD_BYTES} bytes`,
      );
    }
    head.clear();
    this.#read = this.#readContent;
    const rest = bytes.subarray(at + HEAD_END.byteLength - before);
    this.#position = this.#writtenBytes - rest.byteLength;
    this.#sink = this.#openPart(
      linesOf(found.subarray(0, at + LINE_END.byteLength), this.#part),
      this.#part,
    );
    // The empty line after the headers may belong to the next delimiter, as a part may be empty.
    this.#held = LINE_END;
    this.#borrowed = LINE_END.byteLength;
    return rest;
  }

  /** Handles an empty part: one delimiter directly after another. */
  #passOver(block: Buffer): void {
    const lines = linesOf(block, this.#part);
    if (lines.byteLength > 0) throw headersMalformed(this.#part, 'no empty line ends them');
    this.#head.clear();
    this.#openPart(lines, this.#part).end();
    this.#part += 1;
  }

  #missingBoundary(): string {
    if (this.#writtenBytes === 0) return 'its body is empty';
    const boundary = this.#delimiter.toString('latin1', LINE_END.byteLength + FORM_END.byteLength);
    return (
      `the boundary ${quoteText(boundary)} of its Content-Type does not occur in the body; ` +
      'HTTP clients set this header themselves when they build a form'
    );
  }

  /** Ignores the bytes after the last delimiter. */
  #readNothing(): Buffer {
    return NOTHING;
  }
}

/** Returns the lines after the delimiter line, which may end in spaces only. */
function linesOf(block: Buffer, part: number): Buffer {
  const end = block.indexOf(LINE_END);
  const padding = block.subarray(0, end).toString('latin1');
  if (!/^[ \t]*$/.test(padding)) {
    throw formInvalid(`the boundary line of part ${part} has other text after the boundary`);
  }
  return block.subarray(end + LINE_END.byteLength);
}
