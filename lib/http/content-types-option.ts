import { OptionsInvalidError } from '../errors/index.js';
import { quoteText } from '../form/index.js';
import { findClosest } from '../options/index.js';

const TOKEN = '[a-z\\d][\\w!#$&^.+-]*';
const PATTERN = new RegExp(`^(?:\\*|\\*/\\*|${TOKEN}/\\*|${TOKEN}/${TOKEN})$`);
/** @see https://www.iana.org/assignments/media-types/ */
const TOP_LEVEL_TYPES = [
  'application',
  'audio',
  'font',
  'image',
  'message',
  'model',
  'multipart',
  'text',
  'video',
];
/** Names of types that contents are never found to have, and those that they have. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['image/jpg', 'image/jpeg'],
  ['audio/mp3', 'audio/mpeg'],
  ['application/x-zip-compressed', 'application/zip'],
]);
/** Types for the extensions that people write in their place. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['svg', 'image/svg+xml'],
  ['mp3', 'audio/mpeg'],
  ['mp4', 'video/mp4'],
  ['mov', 'video/quicktime'],
  ['pdf', 'application/pdf'],
  ['zip', 'application/zip'],
  ['json', 'application/json'],
  ['txt', 'text/plain'],
  ['csv', 'text/csv'],
]);

/**
 * Checks the types that an interceptor accepts: each has to be a media type or a pattern of them,
 * as anything else matches no file. `hasDetector` says that the application names types itself, in
 * whatever spelling.
 * @throws {@link OptionsInvalidError}
 */
export function assertContentTypes(value: unknown, hasDetector: boolean): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) {
    const isText = typeof value === 'string';
    throw wrong('a list', `Write e.g. contentTypes: ['${isText ? suggest(value) : 'image/*'}'].`);
  }
  if (value.length === 0) {
    throw wrong(
      'a list of one type or more, as an empty one refuses every file',
      'Leave it out to accept any type.',
    );
  }
  for (const item of value as readonly unknown[]) assertPattern(item, hasDetector);
}

function assertPattern(item: unknown, hasDetector: boolean): void {
  if (typeof item !== 'string') {
    throw wrong(
      'a list of texts',
      "Write media types or patterns of them, e.g. ['image/*', 'application/pdf'].",
    );
  }
  const suggestion = findProblem(essenceOf(item), hasDetector);
  if (suggestion === undefined) return;
  throw wrong(
    `a list of media types, or patterns of them; ${quoteText(item)} matches no file`,
    `Write ${quoteText(suggestion)}.`,
  );
}

/** The pattern to write in place of one that matches nothing; undefined for one that may match. */
function findProblem(pattern: string, hasDetector: boolean): string | undefined {
  if (!PATTERN.test(pattern)) return suggest(pattern);
  if (hasDetector || pattern.startsWith('*')) return undefined;
  const [type = '', subtype = ''] = pattern.split('/');
  const meant = TOP_LEVEL_TYPES.includes(type) ? undefined : findClosest(type, TOP_LEVEL_TYPES);
  return OTHER_NAMES.get(pattern) ?? (meant && `${meant}/${subtype}`);
}

function suggest(text: string): string {
  const essence = essenceOf(text);
  if (PATTERN.test(essence)) return essence;
  const name = essence.replace(/^\*?\.|\/$/g, '');
  if (TOP_LEVEL_TYPES.includes(name)) return `${name}/*`;
  return (
    TYPES.get(name) ??
    (/^(?:png|gif|webp|bmp|avif|heic)$/.test(name) ? `image/${name}` : 'image/png')
  );
}

function essenceOf(pattern: string): string {
  return (pattern.split(';', 1)[0] ?? '').trim().toLowerCase();
}

function wrong(expected: string, remedy: string): OptionsInvalidError {
  return new OptionsInvalidError({ option: 'contentTypes', expected, remedy });
}
