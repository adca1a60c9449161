import { quoteText } from '../errors/client-text.js';
import { formBroken, formInvalid, headersMalformed } from './form-errors.js';

const NOTHING = Buffer.alloc(0);

/** Takes what nobody wants. */
export const NO_SINK: PartSink = { add: () => {}, end: () => {}, fail: () => {} };

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const LINE_END = Buffer.from('\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');
const FORM_END = Buffer.from('--');
/**
 * What Node allows the head of a request to have.
 * @see https://nodejs.org/api/cli.html#--max-http-header-sizesize
 */
const LONGEST_HEAD_BYTES = 16_384;
/** A form whose line ends were changed on its way, or that was written by hand. */
const BARE_LINE_FEEDS = 'its lines end in a line feed alone; they have to end in CRLF';
const MOST_HEAD_BYTES = LONGEST_HEAD_BYTES + HEAD_END.byteLength;

/**
 * Bytes that come piece by piece, in one buffer, as pieces may be as small as a byte. A single
 * piece is kept as it is.
 */
export class GrowingBuffer {
  #buffer: Buffer = NOTHING;
  #size = 0;

  /** How many bytes there are. */
  get size(): number {
    return this.#size;
  }

  /** All of them. A view, which holds until the next piece is added. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }

  /** Adds a piece. */
  add(chunk: Buffer): void {
    if (this.#size === 0) this.#buffer = chunk;
    else this.#append(chunk);
    this.#size += chunk.byteLength;
  }

  /** Makes sure that the bytes do not hold a much larger buffer: before they wait for more. */
  compact(): void {
    if (this.#size * 2 < this.#buffer.buffer.byteLength) this.#buffer = copyOf(this.bytes);
  }

  /** Forgets all of them. */
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

/** A copy that shares its buffer with nothing else. */
function copyOf(chunk: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(chunk.byteLength);
  copy.set(chunk);
  return copy;
}

/** Takes the content of a part. */
export interface PartSink {
  /** The next bytes. They are a view of what was written to the form, and stay as they are. */
  add(bytes: Buffer): void;
  /** All of it has come. */
  end(): void;
  /** No more of it comes, and what has come is not all. */
  fail(error: Error): void;
}

/**
 * Splits the bytes of a form into its parts as they come, without keeping or copying them. The
 * delimiter is found by the runtime's own search, which no choice of bytes makes slow:
 * bench/README.md has figures.
 * @see https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1
 */
export class MultipartParser {
  readonly #delimiter: Buffer;
  readonly #openPart: (head: Buffer, part: number) => PartSink;
  #read: (bytes: Buffer) => Buffer = this.#readContent;
  /** What comes before the first delimiter is nobody's. */
  #sink = NO_SINK;
  /** What may be the beginning of a delimiter. The first one need not have a line before it. */
  #held: Buffer = LINE_END;
  /**
   * The number of next bytes that are no content: the line end of a head can begin a
   * delimiter as well.
   */
  #borrowed = 0;
  /** The number of the part that is read, from 1; 0 before the first one. */
  #part = 0;
  /** What has come of a head. */
  readonly #head = new GrowingBuffer();
  #writtenBytes = 0;
  #position = 0;

  /**
   * `openPart` is given the lines of a part's head, each with its end, and the number of the part;
   * what it throws is thrown by {@link write}.
   */
  constructor(boundary: string, openPart: (head: Buffer, part: number) => PartSink) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
    this.#openPart = openPart;
  }

  /** The number of bytes from the start of the form to the end of the last head. */
  get position(): number {
    return this.#position;
  }

  /** The number of bytes that are held of a head, until more of it comes. */
  get headBytes(): number {
    return this.#head.size;
  }

  /**
   * Takes the next bytes.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID`; nothing may be written then
   */
  write(bytes: Buffer): void {
    let rest = bytes;
    this.#writtenBytes += bytes.byteLength;
    while (rest.byteLength > 0) rest = this.#read(rest);
    this.#head.compact();
  }

  /**
   * There is no more.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when the form has not ended
   */
  end(): void {
    if (this.#read === this.#readNothing) return;
    if (this.#part === 0) throw formInvalid(this.#missingBoundary());
    const isInHead = this.#read === this.#readHead;
    throw formBroken(isInHead ? ` in the headers of part ${this.#part}` : ` in part ${this.#part}`);
  }

  /** Gives the form up, and the part that is open. */
  fail(error: Error): void {
    this.#sink.fail(error);
    this.#sink = NO_SINK;
    this.#read = this.#readNothing;
  }

  /** Up to the next delimiter; gives back what comes behind it. */
  #readContent(bytes: Buffer): Buffer {
    const delimiter = this.#delimiter;
    if (this.#held.byteLength > 0) return this.#readBehindHeld(bytes);
    const at = bytes.indexOf(delimiter);
    if (at === -1) return this.#holdBack(bytes);
    return this.#closePart(bytes.subarray(0, at), bytes.subarray(at + delimiter.byteLength));
  }

  /**
   * A delimiter may begin in what was held back; one that does not lies whole in what has come now.
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

  /** Passes on what cannot belong to a delimiter. That has one carriage return, its first byte. */
  #holdBack(bytes: Buffer): Buffer {
    const delimiter = this.#delimiter;
    const tail = bytes.subarray(Math.max(0, bytes.byteLength - delimiter.byteLength + 1));
    const at = tail.lastIndexOf(CARRIAGE_RETURN);
    const last = at === -1 ? NOTHING : tail.subarray(at);
    const isBeginning = delimiter.subarray(0, last.byteLength).equals(last);
    // A copy, as the rest of its buffer would be held with it.
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

  /** What follows a delimiter: two dashes, or the rest of its line and a head. */
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
    // The empty line behind the head may be the one in front of the next delimiter: content can be
    // missing altogether.
    this.#held = LINE_END;
    this.#borrowed = LINE_END.byteLength;
    return rest;
  }

  /** A delimiter follows at once: a part of nothing. */
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
      `the boundary ${quoteText(boundary)} of its Content-Type is nowhere in it; ` +
      'clients that make a form set this header by themselves'
    );
  }

  /** What comes behind the last delimiter is nobody's. */
  #readNothing(): Buffer {
    return NOTHING;
  }
}

/** The lines behind that of the delimiter, which may end in spaces and in nothing else. */
function linesOf(block: Buffer, part: number): Buffer {
  const end = block.indexOf(LINE_END);
  const padding = block.subarray(0, end).toString('latin1');
  if (!/^[ \t]*$/.test(padding)) {
    throw formInvalid(`something stands behind the boundary in front of part ${part}, on its line`);
  }
  return block.subarray(end + LINE_END.byteLength);
}
