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
