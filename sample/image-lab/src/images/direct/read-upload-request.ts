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

/** A file that a client wants to upload directly. */
export interface UploadRequest {
  /** The display name. */
  readonly name: string;
  /**
   * The type with which it is stored; undefined if the client names no accepted type. The content
   * is checked later.
   */
  readonly contentType: string | undefined;
  /** The usual extension of that type. */
  readonly extension: string | undefined;
}

/**
 * Reads `{ name, contentType? }`.
 * @throws {ImageError} `UPLOAD_INVALID`
 */
export function readUploadRequest(body: unknown): UploadRequest {
  const { name, contentType } = (body ?? {}) as Partial<Record<string, unknown>>;
  if (typeof name !== 'string' || name === '') {
    throw new ImageError('UPLOAD_INVALID', 'name has to be the name of the file.');
  }
  const type = CONTENT_TYPES.find(candidate => candidate === contentType);
  return { name, contentType: type, extension: type && EXTENSIONS[type] };
}
