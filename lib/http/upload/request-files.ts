import { quoteText } from '../../errors/client-text.js';
import { WxCloudStorageError } from '../../errors/errors.js';
import { formInvalid, NAME_REMEDY } from '../../multipart/form-errors.js';
import type { FormClues } from '../../multipart/form-reader.js';
import { notAForm } from '../../multipart/part-headers.js';
import type { WxCloudHttpRequest } from '../request-origin.js';

/**
 * A stored file: multer's shape, and its place in the storage. Its `buffer`, which is not declared
 * here, is not the content: it only shows the type to Nest's `FileTypeValidator`.
 *
 * It is a class so that it can be the type of a response in an OpenAPI document;
 * `nestjs-wx-cloud-storage/swagger` adds its schema. Handlers get plain objects, as multer's are:
 * `instanceof` is false for them.
 * @example
 * ```ts
 * import { Controller, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
 * import { WxCloudFileInterceptor, WxCloudUploadedFile } from 'nestjs-wx-cloud-storage';
 *
 * @Controller('photos')
 * export class PhotosController {
 *   @Post()
 *   @UseInterceptors(WxCloudFileInterceptor('photo'))
 *   create(@UploadedFile() photo: WxCloudUploadedFile): { fileId: string; size: number } {
 *     return { fileId: photo.fileId, size: photo.size };
 *   }
 * }
 * ```
 */
export class WxCloudUploadedFile {
  /** The name of the form field. */
  declare readonly fieldname: string;
  /**
   * The client's name for the file, in UTF-8, without folders, control characters and marks that
   * change the direction of text, at most 255 characters with the extension kept. `file` when
   * nothing is left.
   */
  declare readonly originalname: string;
  /** The transfer encoding of the part, by multer's name. */
  declare readonly encoding: string;
  /** The type that the client claimed; `contentType` comes from the content. */
  declare readonly mimetype: string;
  /** The number of bytes stored. */
  declare readonly size: number;
  /** The file ID: `cloud://env.bucket/path`. */
  declare readonly fileId: string;
  /** The path of the object. */
  declare readonly cloudPath: string;
  /** The type that the file was stored with. */
  declare readonly contentType: string;
  /** The ETag that COS returned, without quotes: the MD5 of the content. */
  declare readonly etag: string;
  /**
   * Keeps the file whatever happens to the request: nothing of this package deletes it from now on,
   * even if the response fails or the client leaves. Call it once your application has recorded the
   * file. Resolves at once for a file that is kept already. Copies of the object, as by
   * `{ ...file }`, do not have it.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_REQUEST_ABORTED` when the request has failed or
   * its client has left before, `WX_CLOUD_PENDING_LOST` when a sweep of pending files may have
   * taken the file: it is deleted, so undo what refers to it
   * @example
   * ```ts
   * import { Controller, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
   * import { WxCloudFileInterceptor, WxCloudUploadedFile } from 'nestjs-wx-cloud-storage';
   *
   * abstract class Photos {
   *   abstract add(fileId: string): Promise<void>;
   *   abstract remove(fileId: string): Promise<void>;
   * }
   *
   * @Controller('photos')
   * export class PhotosController {
   *   constructor(private readonly photos: Photos) {}
   *
   *   @Post()
   *   @UseInterceptors(WxCloudFileInterceptor('photo'))
   *   async create(@UploadedFile() photo: WxCloudUploadedFile): Promise<void> {
   *     await this.photos.add(photo.fileId);
   *     try {
   *       await photo.keep();
   *     } catch (error) {
   *       await this.photos.remove(photo.fileId);
   *       throw error;
   *     }
   *   }
   * }
   * ```
   */
  declare readonly keep: () => Promise<void>;
}

/** The properties that `@UploadedFile()` and `@UploadedFiles()` read, on each adapter. */
export interface FileTarget {
  file?: unknown;
  files?: unknown;
}

/** The files that a form may have, and the shape in which handlers get them. */
export interface FileSelection {
  /** The maximum number of files by field; undefined when any field takes files. */
  readonly maxCounts: ReadonlyMap<string, number> | undefined;
  /** One file, a list of files, or a list for each field. */
  readonly shape: 'one' | 'list' | 'by-field';
}

/**
 * Returns the number of files that the fields take together; undefined when a field has no limit.
 */
export function mostFilesOf({ maxCounts }: FileSelection): number | undefined {
  if (maxCounts === undefined) return undefined;
  const sum = [...maxCounts.values()].reduce((all, count) => all + count, 0);
  return Number.isFinite(sum) ? sum : undefined;
}

/** The maximum number of fields in a message. */
const MOST_NAMES = 10;
/** The maximum number of text fields in a message. */
const MOST_TEXTS = 3;

/** Hides the methods with these names that `@fastify/multipart` adds to requests on Fastify. */
export function hideMethods(target: FileTarget): void {
  if (typeof target.file === 'function') hide(target, 'file');
  if (typeof target.files === 'function') hide(target, 'files');
}

/** Resets a property; adding one would make the request slower to use. */
function hide(target: FileTarget, name: keyof FileTarget): void {
  if (target[name] !== undefined) target[name] = undefined;
}

/** Sets the files of a form on the request, where handlers read them. */
export class RequestFiles {
  readonly #target: FileTarget;
  readonly #selection: FileSelection;
  readonly #counts = new Map<string, number>();

  /** Sets the value for a form without files: undefined, an empty list, or no fields. */
  constructor(target: FileTarget, selection: FileSelection) {
    this.#target = target;
    this.#selection = selection;
    hide(target, 'file');
    if (selection.shape === 'one') hide(target, 'files');
    else target.files = noFiles(selection.shape);
  }

  /**
   * Checks that a field takes one more file.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when it does not; the message names
   * the fields that take files
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
        : `it has more than ${maxCount} ${maxCount === 1 ? 'file' : 'files'} in the field ${field}`,
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

/** Lists the names of fields for a message. */
export function listFields(maxCounts: ReadonlyMap<string, number>): string {
  const names = [...maxCounts.keys()].map(quoteText);
  const more = names.length - MOST_NAMES;
  return more > 0 ? `${names.slice(0, MOST_NAMES).join(', ')} and ${more} more` : names.join(', ');
}

function noFiles(shape: 'list' | 'by-field'): object {
  return shape === 'list' ? [] : (Object.create(null) as object);
}

/** Clues that explain why a form has no file. */
export interface MissingFileClues extends FormClues {
  /** The fields that take files; undefined when all do. */
  readonly maxCounts?: FileSelection['maxCounts'];
}

/**
 * Checks that a form has a file.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_REQUIRED`, or `WX_CLOUD_FORM_INVALID` when the
 * request is not a form
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

/** Explains the usual mistakes of clients by which a file is lost. */
function explain(
  request: WxCloudHttpRequest & FileTarget,
  clues: MissingFileClues,
): readonly string[] {
  const { namelessField, emptyField, foreignPart } = clues;
  if (namelessField !== undefined) {
    return [
      `The field ${quoteText(namelessField)} has content without a file name: ${NAME_REMEDY}.`,
    ];
  }
  const texts = Object.keys(request.body ?? {});
  const mistaken = texts.find(name => clues.maxCounts?.has(name));
  if (mistaken !== undefined) {
    return [`The field ${quoteText(mistaken)} was sent as text: ${NAME_REMEDY}.`];
  }
  if (emptyField !== undefined) {
    return [`The field ${quoteText(emptyField)} was left empty: it has no name and no content.`];
  }
  if (texts.length > 0) return [`It has only the text fields ${listTexts(texts)}: ${NAME_REMEDY}.`];
  if (foreignPart === undefined) return [];
  return [`Its part ${foreignPart} has no Content-Disposition of form-data, and was skipped.`];
}

function listTexts(names: readonly string[]): string {
  const listed = names.slice(0, MOST_TEXTS).map(quoteText).join(', ');
  const more = names.length - MOST_TEXTS;
  return more > 0 ? `${listed} and ${more} more` : listed;
}

/**
 * True for a list with a file, or for an object with a file: in a list for a field, or as another
 * parser sets it.
 */
function hasAny(files: unknown): boolean {
  if (Array.isArray(files)) return files.length > 0;
  return Object.values(files ?? {}).some(found => !Array.isArray(found) || found.length > 0);
}
