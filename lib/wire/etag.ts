/** The value of an `ETag` header without its quotes; empty when there is none. For plain uploads COS makes it the MD5 of the content. */
export function decodeEtag(header: string | undefined): string {
  return (header ?? '').replace(/^W\//, '').replaceAll('"', '');
}
