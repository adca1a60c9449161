import { ImageError } from '../image-error.js';
import { CONTENT_TYPES } from '../limits.js';

/** The usual extensions of the accepted types. */
const EXTENSIONS: Readonly<Record<(typeof CONTENT_TYPES)[number], string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
};

/** The type of a file that a client wants to upload directly. */
export interface FileType {
  /**
   * The type with which it is stored; undefined if the client names no accepted type. The content
   * is checked later.
   */
  readonly contentType: string | undefined;
  /** The usual extension of that type. */
  readonly extension: string | undefined;
}

/** A file that a client has posted with a form. */
export interface PostedFile {
  /** The file ID of the form. */
  readonly fileId: string;
  /** The ticket of the form. */
  readonly ticket: string;
  /** The display name. */
  readonly name: string;
}

/** Reads the type that a client names. */
export function readFileType(contentType: unknown): FileType {
  const type = CONTENT_TYPES.find(candidate => candidate === contentType);
  return { contentType: type, extension: type && EXTENSIONS[type] };
}

/**
 * Reads `{ ticket, name }`.
 * @throws {ImageError} `UPLOAD_INVALID`
 */
export function readPostedFile(fileId: string, body: unknown): PostedFile {
  const { ticket, name } = (body ?? {}) as Partial<Record<string, unknown>>;
  if (typeof ticket !== 'string') {
    throw new ImageError('UPLOAD_INVALID', 'ticket has to be the ticket of the form.');
  }
  if (typeof name !== 'string' || name === '') {
    throw new ImageError('UPLOAD_INVALID', 'name has to be the name of the file.');
  }
  return { fileId, ticket, name };
}
