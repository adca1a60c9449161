import { isUtf8 } from 'node:buffer';

/** Gives back a name in UTF-8 that was taken for Latin-1; any other name stays as it is. */
export function decodeLatin1Name(name: string): string {
  const bytes = Buffer.from(name, 'latin1');
  const isLatin1 = bytes.toString('latin1') === name;
  return isLatin1 && isUtf8(bytes) ? bytes.toString('utf8') : name;
}
