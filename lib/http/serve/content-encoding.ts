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
