import { quoteText } from '../errors/client-text.js';
import type { WxCloudStorageError } from '../errors/errors.js';
import { formInvalid } from './form-errors.js';

/** Limits of a form. */
export interface FormLimits {
  /** Number of bytes of one text field. */
  readonly fieldSize: number;
  /** Number of bytes of all text fields together, names included. */
  readonly textBytes: number;
  /** Number of bytes of a field name. */
  readonly fieldNameSize: number;
  /** Number of text fields. */
  readonly fields: number;
  /** Number of files. */
  readonly files: number;
  /** Number of fields and files together. */
  readonly parts: number;
  /** Number of header lines of a part. */
  readonly headerPairs: number;
  /** Number of brackets in the name of a text field. */
  readonly fieldNestingDepth: number;
  /** The largest index in the name of a text field. */
  readonly fieldArrayIndexLimit: number;
}

/** The memory for the text of a form. */
export interface FormMemory {
  /** Checks that there is room for a form; an error refuses the form before it is read. */
  assertRoom(): void;
  /** Reserves memory; an error for too little memory refuses the form. */
  take(bytes: number): void;
  /** Counts bytes that are too few to refuse a form for. */
  count(bytes: number): void;
  /** Releases memory. */
  release(bytes: number): void;
}

/** The memory of a form without a limit. */
const ANY_MEMORY: FormMemory = {
  assertRoom: () => {},
  take: () => {},
  count: () => {},
  release: () => {},
};
/**
 * Memory per byte of text: a buffer may be twice as large as its text, and each decoded byte may
 * take two.
 */
const TEXT_COST = 2;
/** Memory for headers that arrive in two chunks, which is always allowed. */
const USUAL_HEAD_BYTES = 1_024;
/**
 * Limit for all headers: a form with the default limit of 1,000 parts may have headers of 2 KiB
 * each, ten times what browsers send.
 */
const HEAD_BYTES = 2_097_152;
/** Memory of an entry in a list. */
const PLACE_BYTES = 8;

/** Counts the content of a form before it is kept, and enforces the limits. */
export class FormBudget {
  readonly #limits: FormLimits;
  #parts = 0;
  #fields = 0;
  #files = 0;
  #headBytes = 0;
  #textBytes = 0;
  #heldBytes = 0;
  readonly #memory: FormMemory;

  /**
   * Starts with all limits unused. Text is never released here; the owner of the memory releases
   * it.
   */
  constructor(limits: FormLimits, memory = ANY_MEMORY) {
    this.#limits = limits;
    this.#memory = memory;
  }

  /** Number of bytes of all text so far, names included. */
  get textBytes(): number {
    return this.#textBytes;
  }

  /**
   * Counts the headers of a part. All headers together may be as long as all text, and at least 2
   * MiB.
   */
  takePart(headBytes: number): void {
    const { parts, textBytes } = this.#limits;
    this.#parts += 1;
    if (this.#parts > parts)
      throw limitPassed('parts', `it has more than ${counted(parts, 'part')}`);
    this.#headBytes += headBytes;
    const limit = Math.max(HEAD_BYTES, textBytes);
    if (this.#headBytes <= limit) return;
    throw limitPassed('textBytes', `the headers of its parts take more than ${limit} bytes`);
  }

  /** Counts a file, with the number of bytes of its field name. */
  takeFile(name: string, nameBytes: number): void {
    const { files } = this.#limits;
    this.#files += 1;
    if (this.#files > files)
      throw limitPassed('files', `it has more than ${counted(files, 'file')}`);
    this.#assertName(name, nameBytes);
  }

  /** Counts a text field, with the number of bytes of its name. */
  takeField(name: string, nameBytes: number): void {
    const { fields } = this.#limits;
    this.#fields += 1;
    if (this.#fields > fields)
      throw limitPassed('fields', `it has more than ${counted(fields, 'text field')}`);
    this.#assertName(name, nameBytes);
    this.takeText(nameBytes);
  }

  /** Counts bytes of text. */
  takeText(bytes: number): void {
    const { textBytes } = this.#limits;
    this.#textBytes += bytes;
    if (this.#textBytes > textBytes) {
      throw limitPassed('textBytes', `its text fields take more than ${textBytes} bytes together`);
    }
    this.#memory.take(bytes * TEXT_COST);
  }

  /** Holds this many bytes of headers in memory until more arrive. */
  holdHead(bytes: number): void {
    const growth = bytes - this.#heldBytes;
    if (growth === 0) return;
    if (growth < 0) this.#memory.release(-growth);
    else if (bytes > USUAL_HEAD_BYTES) this.#memory.take(growth);
    else this.#memory.count(growth);
    this.#heldBytes = bytes;
  }

  /**
   * Counts entries that an index leaves empty in a list: they take memory, but no bytes of the
   * form.
   */
  takeEmptyPlaces(count: number): void {
    this.takeText(count * PLACE_BYTES);
  }

  #assertName(name: string, nameBytes: number): void {
    const { fieldNameSize } = this.#limits;
    if (nameBytes <= fieldNameSize) return;
    const problem = `the field name ${quoteText(name)} has more than ${fieldNameSize} bytes`;
    throw limitPassed('fieldNameSize', problem);
  }
}

/** The error for a form that exceeds a limit; names the limit for the operator. */
export function limitPassed(limit: keyof FormLimits, problem: string): WxCloudStorageError {
  return formInvalid(`${problem} (limits.${limit})`);
}

function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
