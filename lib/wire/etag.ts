/** The value of an `ETag` header without its quotes; empty when there is none. For plain uploads COS makes it the MD5 of the content. */
export function decodeEtag(header: string | undefined): string {
  return (header ?? '').replace(/^W\//i, '').replaceAll('"', '');
}

/**
 * Tells whether an `ETag` header names the bytes of a representation: there is one, and it is not a
 * weak one.
 */
export function isStrongEtag(header: string | undefined): boolean {
  return header !== undefined && !/^W\//i.test(header) && decodeEtag(header) !== '';
}
