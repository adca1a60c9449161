const LONGEST = 120;

/** A file's name for people to read: no folders, no control characters, not too long; with another extension if given. */
export function toDisplayName(name: string, extension?: string): string {
  const base = name.split(/[/\\]/).at(-1) ?? '';
  const readable = base.replaceAll(/\p{C}/gu, '').slice(0, LONGEST).trim() || 'image';
  return extension === undefined ? readable : `${readable.replace(/\.[^.]*$/, '')}.${extension}`;
}
