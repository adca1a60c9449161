import { formInvalid, quoteText } from '../form/index.js';
import type { WxCloudUploadedFile } from './uploaded-file.js';

/** Where `@UploadedFile()` and `@UploadedFiles()` read, on every adapter. */
export interface FileTarget {
  file?: unknown;
  files?: unknown;
}

/** Which files a form may bring, and in what shape they are handed over. */
export interface FileSelection {
  /** How many files each field takes; undefined when any field takes files. */
  readonly maxCounts: ReadonlyMap<string, number> | undefined;
  /** One file, a list of them, or a list for each field. */
  readonly shape: 'one' | 'list' | 'by-field';
}

/** Number of fields a message names. */
const MOST_NAMES = 10;

/** On Fastify, `@fastify/multipart` gives requests methods of these names, which are no files. */
export function hideMethods(target: FileTarget): void {
  if (typeof target.file === 'function') hide(target, 'file');
  if (typeof target.files === 'function') hide(target, 'files');
}

/** A property more would make the request slower to use. */
function hide(target: FileTarget, name: keyof FileTarget): void {
  if (target[name] !== undefined) target[name] = undefined;
}

/** Puts the files of a form where handlers look for them. */
export class FilePlaces {
  readonly #target: FileTarget;
  readonly #selection: FileSelection;
  readonly #counts = new Map<string, number>();

  /** A form without files leaves nothing, an empty list, or no fields. */
  constructor(target: FileTarget, selection: FileSelection) {
    this.#target = target;
    this.#selection = selection;
    hide(target, 'file');
    if (selection.shape === 'one') hide(target, 'files');
    else target.files = noFiles(selection.shape);
  }

  /**
   * Makes sure that a field takes one more file.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when it does not; the message names
   * the fields that do
   */
  assertTakes(fieldname: string): void {
    const { maxCounts } = this.#selection;
    if (maxCounts === undefined) return;
    const maxCount = maxCounts.get(fieldname) ?? 0;
    if ((this.#counts.get(fieldname) ?? 0) < maxCount) return;
    const field = quoteText(fieldname);
    throw formInvalid(
      maxCount === 0
        ? `it has a file in the field ${field}; files are expected in ${listFields(maxCounts)}`
        : `it has more than ${maxCount} ${maxCount === 1 ? 'file' : 'files'} in the field ${field}, which takes no more`,
    );
  }

  /**
   * Adds a file, in the order of the form.
   * @throws {@link WxCloudStorageError} as {@link assertTakes} does
   */
  add(file: Pick<WxCloudUploadedFile, 'fieldname'>): void {
    const { fieldname } = file;
    this.assertTakes(fieldname);
    this.#counts.set(fieldname, (this.#counts.get(fieldname) ?? 0) + 1);
    const target = this.#target;
    if (this.#selection.shape === 'one') target.file = file;
    else if (Array.isArray(target.files)) target.files.push(file);
    else ((target.files as Record<string, unknown[]>)[fieldname] ??= []).push(file);
  }
}

/** Names fields that take files, for a message. */
export function listFields(maxCounts: ReadonlyMap<string, number>): string {
  const names = [...maxCounts.keys()].map(quoteText);
  const more = names.length - MOST_NAMES;
  return more > 0 ? `${names.slice(0, MOST_NAMES).join(', ')} and ${more} more` : names.join(', ');
}

function noFiles(shape: 'list' | 'by-field'): object {
  return shape === 'list' ? [] : (Object.create(null) as object);
}
