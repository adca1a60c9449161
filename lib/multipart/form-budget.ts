import { quoteText } from '../errors/client-text.js';
import type { WxCloudStorageError } from '../errors/errors.js';
import { formInvalid } from './form-errors.js';

/** The limits on a form. */
export interface FormLimits {
  /** Bytes of one text field. */
  readonly fieldSize: number;
  /** Bytes of all text fields together, names included. */
  readonly textBytes: number;
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

/** The memory that a form may take. */
export interface FormMemory {
  /** Makes sure that there is room for a form; what it throws refuses the form unread. */
  assertRoom(): void;
  /** Takes so many bytes; what it throws, when there are not enough, refuses the form. */
  take(bytes: number): void;
  /** Counts bytes that are too few to refuse a form for. */
  count(bytes: number): void;
  /** Gives back so many bytes. */
  release(bytes: number): void;
}

/** A form to which nothing else is said may take any. */
const ANY_MEMORY: FormMemory = {
  assertRoom: () => {},
  take: () => {},
  count: () => {},
  release: () => {},
};
/**
 * Until it is decoded, text may be in a buffer twice its size; then each byte may have become two.
 */
const TEXT_COST = 2;
/** A head that comes in two halves, as any may, is of such a size. */
const USUAL_HEAD_BYTES = 1_024;
/** A default form of 1,000 parts may have heads of 2 KiB each, ten times what browsers send. */
const HEAD_BYTES = 2_097_152;
/** The memory of a place in a list. */
const PLACE_BYTES = 8;

/** Counts what a form takes, before it is kept, and refuses what passes a limit. */
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
   * Has all of the limits left. Text is taken from the memory for good; whoever gave that gets it
   * back.
   */
  constructor(limits: FormLimits, memory = ANY_MEMORY) {
    this.#limits = limits;
    this.#memory = memory;
  }

  /** The bytes of all text so far, names included. */
  get textBytes(): number {
    return this.#textBytes;
  }

  /**
   * Takes the head of a part. All heads together may be as long as all text, and 2 MiB at least.
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

  /** Takes a file of a field whose name takes so many bytes. */
  takeFile(name: string, nameBytes: number): void {
    const { files } = this.#limits;
    this.#files += 1;
    if (this.#files > files)
      throw limitPassed('files', `it has more than ${counted(files, 'file')}`);
    this.#assertName(name, nameBytes);
  }

  /** Takes a text field whose name takes so many bytes. */
  takeField(name: string, nameBytes: number): void {
    const { fields } = this.#limits;
    this.#fields += 1;
    if (this.#fields > fields)
      throw limitPassed('fields', `it has more than ${counted(fields, 'text field')}`);
    this.#assertName(name, nameBytes);
    this.takeText(nameBytes);
  }

  /** Takes bytes of text. */
  takeText(bytes: number): void {
    const { textBytes } = this.#limits;
    this.#textBytes += bytes;
    if (this.#textBytes > textBytes) {
      throw limitPassed('textBytes', `its text fields take more than ${textBytes} bytes together`);
    }
    this.#memory.take(bytes * TEXT_COST);
  }

  /** Has so many bytes of a head in memory, until more of it comes. */
  holdHead(bytes: number): void {
    const growth = bytes - this.#heldBytes;
    if (growth === 0) return;
    if (growth < 0) this.#memory.release(-growth);
    else if (bytes > USUAL_HEAD_BYTES) this.#memory.take(growth);
    else this.#memory.count(growth);
    this.#heldBytes = bytes;
  }

  /**
   * Takes places that an index leaves empty in a list: they take memory, and no byte of the form.
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

/** The error for a form that passes a limit, which it names for whoever can raise it. */
export function limitPassed(limit: keyof FormLimits, problem: string): WxCloudStorageError {
  return formInvalid(`${problem} (limits.${limit})`);
}

function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
