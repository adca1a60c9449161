import { pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

/**
 * One coding or several, as a header lists them.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.4
 */
const CODINGS = /^[\w!#$%&'*+.^`|~-]+(?: *, *[\w!#$%&'*+.^`|~-]+)*$/;

/** Longer lists than anything is stored with. */
const MAX_LENGTH = 100;

const DECODERS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

/** How a browser treats a file: shows it, or saves it. */
export type Disposition = 'inline' | 'attachment';

/**
 * A `Content-Disposition` with a name in any language: plain for old clients, and in UTF-8. Nothing
 * in a name can end the header, or name a folder.
 * @see https://www.rfc-editor.org/rfc/rfc6266
 */
export function formatDisposition(disposition: Disposition, fileName?: string): string {
  const name = cleanName(fileName);
  if (name === '') return disposition;
  const plain = name.replaceAll(/[^\x20-\x7e]/gu, '_').replaceAll(/["\\%]/g, '_');
  const plainPart = `${disposition}; filename="${plain}"`;
  return plain === name ? plainPart : `${plainPart}; filename*=UTF-8''${encodeExtended(name)}`;
}

/** The last part of a path, without control characters, and well-formed. */
function cleanName(fileName = ''): string {
  const last = fileName.toWellFormed().split(/[/\\]/).at(-1) ?? '';
  return last.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '').trim();
}

/**
 * What RFC 8187 allows besides letters and digits is less than `encodeURIComponent` leaves alone.
 */
function encodeExtended(name: string): string {
  return encodeURIComponent(name).replaceAll(
    /['()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The header for a stored encoding; undefined for what is not one. */
export function toEncodingHeader(contentEncoding: string | undefined): string | undefined {
  const isList = contentEncoding !== undefined && contentEncoding.length <= MAX_LENGTH;
  return isList && CODINGS.test(contentEncoding) ? contentEncoding : undefined;
}

/**
 * Decodes a body as it is read; undefined for an encoding that is not known here. Its errors and
 * its end are those of `body`.
 */
export function decodeBody(body: Readable, contentEncoding: string): Readable | undefined {
  const decoder = DECODERS.get(contentEncoding)?.();
  // Both streams are destroyed together; whoever reads the decoder gets the error from it.
  return decoder && pipeline(body, decoder, () => {});
}
