import { TextDecoder } from 'node:util';
import { FormBudget, limitPassed, type FormLimits } from './form-budget.js';
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
  readonly #budget: FormBudget;
  #hasFields = false;

  /** Reads one form. */
  constructor(parts: FormReaderParts) {
    this.#parts = parts;
    this.#budget = new FormBudget(parts.limits);
    this.#splitter = new MultipartSplitter(parts.boundary, head => this.#openPart(head));
  }

  /** The bytes of all text that the form has brought so far, names included. */
  get textBytes(): number {
    return this.#budget.textBytes;
  }

  /** Takes the next bytes. @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID`, and whatever `onFile` throws */
  write(bytes: Buffer): void {
    this.#splitter.write(bytes);
  }

  /** There is no more. @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when the form has not ended */
  end(): void {
    this.#splitter.end();
    if (this.#hasFields) closeGaps(this.#parts.body);
  }

  /** Gives the form up; a file that is not complete is told why. What is written afterwards is passed over. */
  fail(error: Error): void {
    this.#splitter.fail(error);
  }

  #openPart(bytes: Buffer): PartSink {
    const { limits } = this.#parts;
    this.#budget.takePart(bytes.byteLength);
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
    if (fileName === '') return NO_SINK;
    this.#budget.takeFile(nameBytes);
    return this.#parts.onFile({ fieldname, originalname: fileName, encoding, mimetype });
  }

  #openField(name: string, { nameBytes, charset }: PartHead): PartSink {
    const { limits, body } = this.#parts;
    const budget = this.#budget;
    budget.takeField(nameBytes);
    this.#hasFields = true;
    assertNameShape(name, limits);
    return new TextSink(limits.fieldSize, budget, bytes => {
      budget.takeEmptyPlaces(appendField(body, name, decodeText(bytes, charset)));
    });
  }
}

/** Gathers the text of a field. */
class TextSink implements PartSink {
  readonly #limitBytes: number;
  readonly #budget: FormBudget;
  readonly #onText: (bytes: Buffer) => void;
  readonly #text = new GrowingBuffer();

  constructor(limitBytes: number, budget: FormBudget, onText: (bytes: Buffer) => void) {
    this.#limitBytes = limitBytes;
    this.#budget = budget;
    this.#onText = onText;
  }

  add(bytes: Buffer): void {
    const limit = this.#limitBytes;
    if (this.#text.size + bytes.byteLength > limit) {
      throw limitPassed('fieldSize', `a text field has more than ${limit} bytes`);
    }
    this.#budget.takeText(bytes.byteLength);
    this.#text.add(bytes);
  }

  end(): void {
    this.#onText(this.#text.bytes);
  }

  /** Nobody waits for a field that is not complete. */
  fail(): void {}
}

function assertNameShape(name: string, limits: FormLimits): void {
  if (!name.includes('[')) return;
  const { fieldNestingDepth: depth, fieldArrayIndexLimit: index } = limits;
  if (nestingDepth(name) > depth) {
    throw limitPassed('fieldNestingDepth', `the name of a field has more than ${depth} brackets`);
  }
  if (largestIndex(name) > index) {
    throw limitPassed('fieldArrayIndexLimit', `the name of a field has an index over ${index}`);
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
