import { quoteText } from '../../errors/client-text.js';
import { WxCloudStorageError } from '../../errors/errors.js';
import { formInvalid, NAME_REMEDY } from '../../multipart/form-errors.js';
import type { FormClues } from '../../multipart/form-reader.js';
import { notAForm } from '../../multipart/part-headers.js';
import type { WxCloudHttpRequest } from '../application-registry.js';

/**
 * A file that was stored: multer's shape, and where it is. Its `buffer`, which is not declared
 * here, is not the content: it tells the type to Nest's `FileTypeValidator`.
 *
 * A class, so that it can name the type of a response in an OpenAPI document, and its schema there
 * comes with `nestjs-wx-cloud-storage/swagger`. The files that handlers get are plain objects all
 * the same, as multer's are: `instanceof` does not know them.
 */
export class WxCloudUploadedFile {
  /** The name of the form field. */
  declare readonly fieldname: string;
  /**
   * The name that the client gave, in UTF-8, without folders, control characters and marks that
   * change the direction of text, at most 255 characters with the extension kept. A name of which
   * nothing is left is `file`.
   */
  declare readonly originalname: string;
  /** multer's name for the part's transfer encoding. */
  declare readonly encoding: string;
  /** The type that the client claimed; `contentType` is what the content shows. */
  declare readonly mimetype: string;
  /** The number of bytes that were stored. */
  declare readonly size: number;
  /** `cloud://env.bucket/path`. */
  declare readonly fileId: string;
  /** The object's path. */
  declare readonly cloudPath: string;
  /** The type it was stored with. */
  declare readonly contentType: string;
  /** The ETag that COS answered, without quotes: the MD5 of the content. */
  declare readonly etag: string;
}

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
/** Number of text fields a message names. */
const MOST_TEXTS = 3;

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
export class RequestFiles {
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

/** The knowledge of a form that explains why it has no file. */
export interface MissingFileClues extends FormClues {
  /** The fields that take files; undefined when all do. */
  readonly maxCounts?: FileSelection['maxCounts'];
}

/**
 * Makes sure that a form brought a file.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_REQUIRED`, or `WX_CLOUD_FORM_INVALID` when it
 * is no form at all
 */
export function assertHasFile(
  request: WxCloudHttpRequest & FileTarget,
  clues: MissingFileClues = {},
): void {
  const { file, files } = request;
  if (file !== undefined || hasAny(files)) return;
  const contentType = request.headers['content-type']?.toString();
  if (!/^multipart\/form-data[ \t]*(?:;|$)/i.test(contentType ?? '')) {
    throw formInvalid(notAForm(contentType));
  }
  const { maxCounts } = clues;
  const place = maxCounts === undefined ? 'any field' : `the field ${listFields(maxCounts)}`;
  const sentences = [`The form has no file. Send one in ${place}.`, ...explain(request, clues)];
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_FILE_REQUIRED',
    message: sentences.join(' '),
  });
}

/** The ways in which clients lose a file. */
function explain(
  request: WxCloudHttpRequest & FileTarget,
  clues: MissingFileClues,
): readonly string[] {
  const { namelessField, emptyField, foreignPart } = clues;
  if (namelessField !== undefined) {
    return [`The field ${quoteText(namelessField)} has content without a name: ${NAME_REMEDY}.`];
  }
  const texts = Object.keys(request.body ?? {});
  const mistaken = texts.find(name => clues.maxCounts?.has(name));
  if (mistaken !== undefined) {
    return [`The field ${quoteText(mistaken)} was sent as text: ${NAME_REMEDY}.`];
  }
  if (emptyField !== undefined) {
    return [`The field ${quoteText(emptyField)} was left empty: it has no name and no content.`];
  }
  if (texts.length > 0) return [`It has only text, in ${listTexts(texts)}: ${NAME_REMEDY}.`];
  if (foreignPart === undefined) return [];
  return [`Its part ${foreignPart} has no Content-Disposition of form-data, and was passed over.`];
}

function listTexts(names: readonly string[]): string {
  const listed = names.slice(0, MOST_TEXTS).map(quoteText).join(', ');
  const more = names.length - MOST_TEXTS;
  return more > 0 ? `${listed} and ${more} more` : listed;
}

/** A list, or something for every field: a list too, or what another parser puts there. */
function hasAny(files: unknown): boolean {
  if (Array.isArray(files)) return files.length > 0;
  return Object.values(files ?? {}).some(found => !Array.isArray(found) || found.length > 0);
}
