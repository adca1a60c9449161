import { ImageError } from '../image-error.js';
import { CONTENT_TYPES } from '../limits.js';

/** The usual extensions of the types that are taken. */
const EXTENSIONS: Readonly<Record<(typeof CONTENT_TYPES)[number], string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
};

/** The file that a client wants to upload by itself. */
export interface UploadRequest {
  /** Its name, for people. */
  readonly name: string;
  /**
   * The type it is stored with; undefined when the client names none that is taken. Its content
   * decides later on.
   */
  readonly contentType: string | undefined;
  /** The usual extension of that type. */
  readonly extension: string | undefined;
}

/** Reads `{ name, contentType? }`. @throws {ImageError} `UPLOAD_INVALID` */
export function readUploadRequest(body: unknown): UploadRequest {
  const { name, contentType } = (body ?? {}) as Partial<Record<string, unknown>>;
  if (typeof name !== 'string' || name === '') {
    throw new ImageError('UPLOAD_INVALID', 'name has to be the name of the file.');
  }
  const type = CONTENT_TYPES.find(candidate => candidate === contentType);
  return { name, contentType: type, extension: type && EXTENSIONS[type] };
}
