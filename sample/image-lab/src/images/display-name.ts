import type { Operation } from './operations/operation.js';

const LONGEST = 120;

/** Creates a display name for a file: no folders, no control characters, limited length. */
export function toDisplayName(name: string): string {
  const base = name.split(/[/\\]/).at(-1) ?? '';
  return base.slice(0, LONGEST).replaceAll(/\p{C}/gu, '').trim() || 'image';
}

/**
 * Creates the name of a new image from that of its source, the operation and its own extension,
 * e.g. `cat-480.png`.
 */
export function nameResult(source: string, operation: Operation, extension: string): string {
  return insertBeforeExtension(withExtension(source, extension), `-${describe(operation)}`);
}

/**
 * Returns the name if it is free, otherwise the first free one of `cat (2).png`, `cat (3).png` and
 * so on.
 */
export function toFreeName(name: string, isTaken: (name: string) => boolean): string {
  for (let count = 1; ; count += 1) {
    const candidate = count === 1 ? name : insertBeforeExtension(name, ` (${count})`);
    if (!isTaken(candidate)) return candidate;
  }
}

function describe(operation: Operation): string {
  switch (operation.name) {
    case 'resize':
      return String(operation.longestSide);
    case 'blur':
      return `blur-${operation.sigma}`;
    case 'rotate':
      return `rotate-${operation.degrees}`;
    case 'grayscale':
    case 'watermark':
      return operation.name;
  }
}

function withExtension(name: string, extension: string): string {
  return `${name.replace(/\.[^.]*$/, '')}.${extension}`;
}

/**
 * Inserts an addition before the extension. Shortens the base if the name is too long, never the
 * addition.
 */
function insertBeforeExtension(name: string, addition: string): string {
  const extension = /\.[^.]*$/.exec(name)?.[0] ?? '';
  const base = name.slice(0, name.length - extension.length);
  const room = LONGEST - extension.length - addition.length;
  return `${base.slice(0, Math.max(1, room)).toWellFormed()}${addition}${extension}`;
}
