import { CosRefusal } from '../state/refusals.js';

const META_PREFIX = 'x-cos-meta-';
const MAX_META_BYTES = 2_048;
const MAX_ALL_META_BYTES = 4_096;

/** The headers that downloads return, besides type, encoding and metadata. */
const KEPT: ReadonlySet<string> = new Set([
  'cache-control',
  'content-disposition',
  'content-language',
  'expires',
  'x-cos-storage-class',
]);

function isHeaderValue(text: string): boolean {
  return /^[\t\u0020-\u007e\u0080-\u00ff]+$/.test(text);
}

/**
 * Selects the headers that are stored with an object, by lower-case name; undefined for none.
 * @throws {@link CosRefusal} InvalidArgument or KeyTooLong
 */
export function readObjectHeaders(
  given: Iterable<readonly [name: string, value: string]>,
): Readonly<Record<string, string>> | undefined {
  const kept = [...given].filter(
    ([name, value]) => value !== '' && (KEPT.has(name) || name.startsWith(META_PREFIX)),
  );
  for (const [name, value] of kept) {
    if (/^[a-z0-9-]+$/.test(name) && isHeaderValue(value)) continue;
    throw new CosRefusal('InvalidArgument', `The header "${name}" is not valid.`);
  }
  const sizes = kept
    .filter(([name]) => name.startsWith(META_PREFIX))
    .map(([name, value]) => name.length - META_PREFIX.length + value.length);
  const all = sizes.reduce((sum, size) => sum + size, 0);
  if (all > MAX_ALL_META_BYTES || sizes.some(size => size > MAX_META_BYTES)) {
    throw new CosRefusal('KeyTooLong', 'The metadata of the object is too long.');
  }
  const stored = kept.filter(entry => entry.join() !== 'x-cos-storage-class,STANDARD');
  return stored.length === 0 ? undefined : Object.fromEntries(stored);
}
