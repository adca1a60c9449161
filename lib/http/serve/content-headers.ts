import { pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

/**
 * A list of one or more content codings.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.4
 */
const CODINGS = /^[\w!#$%&'*+.^`|~-]+(?: *, *[\w!#$%&'*+.^`|~-]+)*$/;

/** The maximum length of such a list; real ones are shorter. */
const MAX_LENGTH = 100;

const DECODERS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

/** The treatment of a file by a browser: `inline` shows it, `attachment` saves it. */
export type Disposition = 'inline' | 'attachment';

/**
 * Formats a `Content-Disposition` with a file name in any language: in ASCII for old clients, and
 * in UTF-8. No name can end the header, or contain a folder.
 * @see https://www.rfc-editor.org/rfc/rfc6266
 */
export function formatDisposition(disposition: Disposition, fileName?: string): string {
  const name = cleanName(fileName);
  if (name === '') return disposition;
  const plain = name.replaceAll(/[^\x20-\x7e]/gu, '_').replaceAll(/["\\%]/g, '_');
  const plainPart = `${disposition}; filename="${plain}"`;
  return plain === name ? plainPart : `${plainPart}; filename*=UTF-8''${encodeExtended(name)}`;
}

/** Returns the last part of a path, without control characters, and well-formed. */
function cleanName(fileName = ''): string {
  const last = fileName.toWellFormed().split(/[/\\]/).at(-1) ?? '';
  return last.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '').trim();
}

/** Encodes the characters that `encodeURIComponent` leaves alone, but RFC 8187 does not allow. */
function encodeExtended(name: string): string {
  return encodeURIComponent(name).replaceAll(
    /['()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Returns the `Content-Encoding` for a stored encoding; undefined for an invalid one. */
export function toEncodingHeader(contentEncoding: string | undefined): string | undefined {
  const isList = contentEncoding !== undefined && contentEncoding.length <= MAX_LENGTH;
  return isList && CODINGS.test(contentEncoding) ? contentEncoding : undefined;
}

/**
 * Decodes a body while it is read; undefined for an unknown encoding. Errors and the end of `body`
 * are passed on.
 */
export function decodeBody(body: Readable, contentEncoding: string): Readable | undefined {
  const decoder = DECODERS.get(contentEncoding)?.();
  // Both streams are destroyed together; the decoder emits the error.
  return decoder && pipeline(body, decoder, () => {});
}
