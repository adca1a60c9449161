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

/** The metadata of a file in a form, with the names that multer uses. */
export interface FormFile {
  /** The name of the field. */
  readonly fieldname: string;
  /**
   * The file name from the client, without folders and control characters, at most 255 characters;
   * never empty.
   */
  readonly originalname: string;
  /** The part's transfer encoding. */
  readonly encoding: string;
  /** The type that the client claimed. */
  readonly mimetype: string;
}

/** Parts that explain missing files. */
export interface FormClues {
  /** The field of the first file with content but without a name; such a file is ignored. */
  readonly namelessField?: string | undefined;
  /** The field of the first file input that was left empty, with neither name nor content. */
  readonly emptyField?: string | undefined;
  /**
   * The number, from 1, of the first part that was ignored because it does not belong to a form.
   */
  readonly foreignPart?: number | undefined;
}

/** Options of a form reader. */
export interface FormReaderParts {
  /** The boundary between the parts. */
  readonly boundary: string;
  /** Limits of the form. */
  readonly limits: FormLimits;
  /**
   * The memory for its text.
   * @defaultValue unlimited
   */
  readonly memory?: FormMemory | undefined;
  /** Receives each text field as soon as it is complete. */
  readonly body: FormFields;
  /** Called with the field name before a file is counted; an error refuses the form. */
  readonly assertTakesFile?: (fieldname: string) => void;
  /** True for a field that expects a file, so that a text in it is a mistake. */
  readonly isFileField?: (fieldname: string) => boolean;
  /** Called when a file begins; returns the sink for its content. An error refuses the form. */
  readonly onFile: (file: FormFile) => PartSink;
}

/**
 * Reads a form as its bytes arrive: text fields into a body, files into sinks. Like multer, it
 * ignores parts that do not belong to a form, and files without a name, which browsers send for an
 * input that was left empty.
 */
export class FormReader {
  readonly #parts: FormReaderParts;
  readonly #parser: MultipartParser;
  readonly #budget: FormBudget;
  #hasFields = false;
  #namelessField: string | undefined;
  #emptyField: string | undefined;
  #foreignPart: number | undefined;
  /** The current text field. */
  #text: TextSink | undefined;

  /** Reads one form. */
  constructor(parts: FormReaderParts) {
    this.#parts = parts;
    this.#budget = new FormBudget(parts.limits, parts.memory);
    this.#parser = new MultipartParser(parts.boundary, (head, part) => this.#openPart(head, part));
  }

  /** Number of bytes of all text fields so far, names included. */
  get textBytes(): number {
    return this.#budget.textBytes;
  }

  /** Clues so far that explain missing files. */
  get clues(): FormClues {
    return {
      namelessField: this.#namelessField,
      emptyField: this.#emptyField,
      foreignPart: this.#foreignPart,
    };
  }

  /**
   * The size of the content that has just begun if it is the last one of a form of `formBytes`
   * bytes that ends in a line end: CRLF after the last boundary. Content of a form without that
   * line end may have two bytes more; there is no other way to have more.
   */
  lastContentBytes(formBytes: number): number {
    const endBytes = `\r\n--${this.#parts.boundary}--\r\n`.length;
    return Math.max(0, formBytes - this.#parser.position - endBytes);
  }

  /**
   * Processes the next bytes.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID`, and errors of `onFile`
   */
  write(bytes: Buffer): void {
    this.#parser.write(bytes);
    this.#text?.compact();
    this.#budget.holdHead(this.#parser.headBytes);
  }

  /**
   * Ends the form.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when the form is incomplete
   */
  end(): void {
    this.#parser.end();
    if (this.#hasFields) closeGaps(this.#parts.body);
  }

  /** Abandons the form and passes the error to an incomplete file. Later bytes are ignored. */
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

  /** A file part without a name. Without content it is a file input that was left empty. */
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

/** Collects the text of a field. */
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

  /** Called before the wait for more bytes. */
  compact(): void {
    this.#text.compact();
  }

  end(): void {
    this.#onText(this.#text.bytes);
    this.#text.clear();
  }

  /** Does nothing, as an incomplete field is dropped. */
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
 * Decodes text with the encoding of its part. An unknown encoding is read as UTF-8, which all
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
