import { TextDecoder } from 'node:util';
import { formInvalid } from './form-invalid.js';
import { GrowingBuffer } from './growing-buffer.js';
import { MultipartSplitter, NO_SINK, type PartSink } from './multipart-splitter.js';
import { parsePartHead, type PartHead } from './part-head.js';
import {
  appendField,
  closeGaps,
  largestIndex,
  nestingDepth,
  type FormBody,
} from './text-fields.js';

/** What a form may have. */
export interface FormLimits {
  /** Bytes of one text field. */
  readonly fieldSize: number;
  /** Bytes of a field's name. */
  readonly fieldNameSize: number;
  /** Text fields. */
  readonly fields: number;
  /** Files. */
  readonly files: number;
  /** Fields and files together. */
  readonly parts: number;
  /** Header lines of a part. */
  readonly headerPairs: number;
  /** Brackets in the name of a text field. */
  readonly fieldNestingDepth: number;
  /** The largest index in the name of a text field. */
  readonly fieldArrayIndexLimit: number;
}

/** What a form says of a file before its content, by multer's names. */
export interface FormFile {
  /** The name of the field. */
  readonly fieldname: string;
  /** The name that the client gave, without folders. */
  readonly originalname: string;
  /** The part's transfer encoding. */
  readonly encoding: string;
  /** The type that the client claimed. */
  readonly mimetype: string;
}

/** Where what is read goes. */
export interface FormReaderParts {
  /** What separates the parts. */
  readonly boundary: string;
  /** What the form may have. */
  readonly limits: FormLimits;
  /** Filled with the text fields, each as soon as it has come. */
  readonly body: FormBody;
  /** Called when a file begins; takes its content. What it throws refuses the form. */
  readonly onFile: (file: FormFile) => PartSink;
}

/**
 * Reads a form as its bytes come: text fields into a body, files to whoever wants them. Like multer, it passes over parts that
 * are not of a form, and files without a name, which browsers send for an input that was left empty.
 */
export class FormReader {
  readonly #parts: FormReaderParts;
  readonly #splitter: MultipartSplitter;
  #partCount = 0;
  #fieldCount = 0;
  #fileCount = 0;

  /** Reads one form. */
  constructor(parts: FormReaderParts) {
    this.#parts = parts;
    this.#splitter = new MultipartSplitter(parts.boundary, head => this.#openPart(head));
  }

  /** Takes the next bytes. @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID`, and whatever `onFile` throws */
  write(bytes: Buffer): void {
    this.#splitter.write(bytes);
  }

  /** There is no more. @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when the form has not ended */
  end(): void {
    this.#splitter.end();
    if (this.#fieldCount > 0) closeGaps(this.#parts.body);
  }

  /** Gives the form up; a file that is not complete is told why. What is written afterwards is passed over. */
  fail(error: Error): void {
    this.#splitter.fail(error);
  }

  #openPart(bytes: Buffer): PartSink {
    const { limits } = this.#parts;
    this.#partCount += 1;
    if (this.#partCount > limits.parts) throw formInvalid('it has too many parts');
    const head = parsePartHead(bytes, limits.headerPairs);
    if (head === undefined) return NO_SINK;
    if (head.name === undefined) throw formInvalid('a part has no name');
    const isFile = head.fileName !== undefined || head.mimetype === 'application/octet-stream';
    return isFile ? this.#openFile(head.name, head) : this.#openField(head.name, head);
  }

  #openFile(
    fieldname: string,
    { fileName = '', encoding, mimetype, nameBytes }: PartHead,
  ): PartSink {
    const { limits, onFile } = this.#parts;
    if (fileName === '') return NO_SINK;
    this.#fileCount += 1;
    if (this.#fileCount > limits.files) throw formInvalid('it has too many files');
    assertNameSize(nameBytes, limits);
    return onFile({ fieldname, originalname: fileName, encoding, mimetype });
  }

  #openField(name: string, { nameBytes, charset }: PartHead): PartSink {
    const { limits, body } = this.#parts;
    this.#fieldCount += 1;
    if (this.#fieldCount > limits.fields) throw formInvalid('it has too many text fields');
    assertNameSize(nameBytes, limits);
    assertNameShape(name, limits);
    return new TextSink(limits.fieldSize, bytes => {
      appendField(body, name, decodeText(bytes, charset));
    });
  }
}

/** Gathers the text of a field. */
class TextSink implements PartSink {
  readonly #limitBytes: number;
  readonly #onText: (bytes: Buffer) => void;
  readonly #text = new GrowingBuffer();

  constructor(limitBytes: number, onText: (bytes: Buffer) => void) {
    this.#limitBytes = limitBytes;
    this.#onText = onText;
  }

  add(bytes: Buffer): void {
    this.#text.add(bytes);
    if (this.#text.size > this.#limitBytes) throw formInvalid('a text field is too long');
  }

  end(): void {
    this.#onText(this.#text.bytes);
  }

  /** Nobody waits for a field that is not complete. */
  fail(): void {}
}

function assertNameSize(nameBytes: number, { fieldNameSize }: FormLimits): void {
  if (nameBytes > fieldNameSize) throw formInvalid('the name of a field is too long');
}

function assertNameShape(name: string, limits: FormLimits): void {
  if (!name.includes('[')) return;
  if (nestingDepth(name) > limits.fieldNestingDepth) {
    throw formInvalid('the name of a field is nested too deeply');
  }
  if (largestIndex(name) > limits.fieldArrayIndexLimit) {
    throw formInvalid('the name of a field holds too large an index');
  }
}

/** A part may name an encoding of its own; one that is not known is taken for UTF-8, which all browsers send. */
function decodeText(bytes: Buffer, charset: string | undefined): string {
  return charset === undefined || /^utf-?8$/i.test(charset)
    ? bytes.toString('utf8')
    : decoderOf(charset).decode(bytes);
}

function decoderOf(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}
