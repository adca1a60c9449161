import { TextDecoder } from 'node:util';
import { quoteText } from '../errors/client-text.js';
import type { WxCloudStorageError } from '../errors/errors.js';
import { FormBudget, type FormLimits, type FormMemory, limitPassed } from './form-budget.js';
import { FILE_EXPECTED, formInvalid } from './form-errors.js';
import { GrowingBuffer, MultipartParser, NO_SINK, type PartSink } from './multipart-parser.js';
import { parsePartHeaders, type PartHeaders } from './part-headers.js';
import {
  appendField,
  closeGaps,
  type FormFields,
  largestIndex,
  nestingDepth,
} from './text-fields.js';

/** What a form says of a file before its content, by multer's names. */
export interface FormFile {
  /** The name of the field. */
  readonly fieldname: string;
  /**
   * The name that the client gave, without folders and control characters, at most 255 characters;
   * never empty.
   */
  readonly originalname: string;
  /** The part's transfer encoding. */
  readonly encoding: string;
  /** The type that the client claimed. */
  readonly mimetype: string;
}

/** The things that a form had where files were looked for: they explain why there are none. */
export interface FormClues {
  /** The field of the first file that has content and no name, and so was passed over. */
  readonly namelessField?: string | undefined;
  /** The field of the first file input that was left empty: it has neither a name nor content. */
  readonly emptyField?: string | undefined;
  /** The number, from 1, of the first part that was passed over as it is not one of a form's. */
  readonly foreignPart?: number | undefined;
}

/** Where what is read goes. */
export interface FormReaderParts {
  /** What separates the parts. */
  readonly boundary: string;
  /** What the form may have. */
  readonly limits: FormLimits;
  /** The memory that it may take. @defaultValue any */
  readonly memory?: FormMemory | undefined;
  /** Filled with the text fields, each as soon as it has come. */
  readonly body: FormFields;
  /**
   * Called before a file is counted, with the name of its field. What it throws refuses the form.
   */
  readonly assertTakesFile?: (fieldname: string) => void;
  /** True for a field in which a file is expected, so that a text in it is one by mistake. */
  readonly isFileField?: (fieldname: string) => boolean;
  /** Called when a file begins; takes its content. What it throws refuses the form. */
  readonly onFile: (file: FormFile) => PartSink;
}

/**
 * Reads a form as its bytes come: text fields into a body, files to whoever wants them. Like
 * multer, it passes over parts that are not of a form, and files without a name, which browsers
 * send for an input that was left empty.
 */
export class FormReader {
  readonly #parts: FormReaderParts;
  readonly #parser: MultipartParser;
  readonly #budget: FormBudget;
  #hasFields = false;
  #namelessField: string | undefined;
  #emptyField: string | undefined;
  #foreignPart: number | undefined;
  /** The text field that was begun last. */
  #text: TextSink | undefined;

  /** Reads one form. */
  constructor(parts: FormReaderParts) {
    this.#parts = parts;
    this.#budget = new FormBudget(parts.limits, parts.memory);
    this.#parser = new MultipartParser(parts.boundary, (head, part) => this.#openPart(head, part));
  }

  /** The bytes of all text that the form has brought so far, names included. */
  get textBytes(): number {
    return this.#budget.textBytes;
  }

  /** The things that came so far in place of files. */
  get clues(): FormClues {
    return {
      namelessField: this.#namelessField,
      emptyField: this.#emptyField,
      foreignPart: this.#foreignPart,
    };
  }

  /** The most bytes that the content which has just begun can have, in a form of so many bytes. */
  mostContentBytes(formBytes: number): number {
    const endBytes = `\r\n--${this.#parts.boundary}--\r\n`.length;
    return Math.max(0, formBytes - this.#parser.position - endBytes);
  }

  /**
   * Takes the next bytes.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID`, and whatever `onFile` throws
   */
  write(bytes: Buffer): void {
    this.#parser.write(bytes);
    this.#text?.compact();
    this.#budget.holdHead(this.#parser.headBytes);
  }

  /**
   * There is no more.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when the form has not ended
   */
  end(): void {
    this.#parser.end();
    if (this.#hasFields) closeGaps(this.#parts.body);
  }

  /**
   * Gives the form up; a file that is not complete is told why. What is written afterwards is
   * passed over.
   */
  fail(error: Error): void {
    this.#parser.fail(error);
  }

  #openPart(bytes: Buffer, part: number): PartSink {
    const { limits } = this.#parts;
    this.#budget.takePart(bytes.byteLength);
    const head = parsePartHeaders(bytes, limits.headerPairs, part);
    if (head === undefined) {
      this.#foreignPart ??= part;
      return NO_SINK;
    }
    if (head.name === undefined) throw formInvalid(`part ${part} has no field name`);
    const isFile = head.fileName !== undefined || head.mimetype === 'application/octet-stream';
    return isFile ? this.#openFile(head.name, head) : this.#openField(head.name, head);
  }

  #openFile(
    fieldname: string,
    { fileName = '', encoding, mimetype, nameBytes }: PartHeaders,
  ): PartSink {
    if (fileName === '') return this.#openNameless(fieldname);
    this.#parts.assertTakesFile?.(fieldname);
    this.#budget.takeFile(fieldname, nameBytes);
    return this.#parts.onFile({ fieldname, originalname: fileName, encoding, mimetype });
  }

  /** Without content it is a file input that was left empty. */
  #openNameless(fieldname: string): PartSink {
    let isEmpty = true;
    return {
      ...NO_SINK,
      add: () => {
        isEmpty = false;
        this.#namelessField ??= fieldname;
      },
      end: () => {
        if (isEmpty) this.#emptyField ??= fieldname;
      },
    };
  }

  #openField(name: string, { nameBytes, charset }: PartHeaders): PartSink {
    const { limits, body, isFileField } = this.#parts;
    const budget = this.#budget;
    budget.takeField(name, nameBytes);
    this.#hasFields = true;
    assertNameShape(name, limits);
    const assertSize = (size: number): void => {
      if (size > limits.fieldSize) throw fieldTooLarge(name, limits, isFileField?.(name));
    };
    this.#text = new TextSink(assertSize, budget, bytes => {
      budget.takeEmptyPlaces(appendField(body, name, decodeText(bytes, charset)));
    });
    return this.#text;
  }
}

/** Gathers the text of a field. */
class TextSink implements PartSink {
  readonly #assertSize: (bytes: number) => void;
  readonly #budget: FormBudget;
  readonly #onText: (bytes: Buffer) => void;
  readonly #text = new GrowingBuffer();

  constructor(
    assertSize: (bytes: number) => void,
    budget: FormBudget,
    onText: (bytes: Buffer) => void,
  ) {
    this.#assertSize = assertSize;
    this.#budget = budget;
    this.#onText = onText;
  }

  add(bytes: Buffer): void {
    this.#assertSize(this.#text.size + bytes.byteLength);
    this.#budget.takeText(bytes.byteLength);
    this.#text.add(bytes);
  }

  /** Before the next bytes are waited for. */
  compact(): void {
    this.#text.compact();
  }

  end(): void {
    this.#onText(this.#text.bytes);
    this.#text.clear();
  }

  /** Nobody waits for a field that is not complete. */
  fail(): void {}
}

function fieldTooLarge(
  name: string,
  { fieldSize }: FormLimits,
  isFileField = false,
): WxCloudStorageError {
  const problem = `the text field ${quoteText(name)} has more than ${fieldSize} bytes`;
  if (!isFileField) return limitPassed('fieldSize', problem);
  return formInvalid(`${problem} (limits.fieldSize), and ${FILE_EXPECTED}`);
}

function assertNameShape(name: string, limits: FormLimits): void {
  if (!name.includes('[')) return;
  const { fieldNestingDepth: depth, fieldArrayIndexLimit: index } = limits;
  const field = `the field name ${quoteText(name)}`;
  if (nestingDepth(name) > depth) {
    throw limitPassed('fieldNestingDepth', `${field} has more than ${depth} brackets`);
  }
  if (largestIndex(name) > index) {
    throw limitPassed('fieldArrayIndexLimit', `${field} has an index over ${index}`);
  }
}

/**
 * A part may name an encoding of its own; one that is not known is taken for UTF-8, which all
 * browsers send.
 */
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
