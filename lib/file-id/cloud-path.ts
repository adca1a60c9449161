import { randomUUID } from 'node:crypto';
import { WxCloudStorageError } from '../errors/errors.js';

/**
 * The longest path, in bytes once percent-encoded.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/guide/storage/naming.html
 */
export const MAX_ENCODED_PATH_BYTES = 850;

/**
 * No character takes more than three bytes for each of its units, and no byte more than three once
 * encoded.
 */
const MOST_ENCODED_BYTES = 9;

const DAY_MS = 86_400_000;
let lastDay = -1;
let lastFolder = '';

/**
 * Says what is wrong with a cloud path, as the end of a sentence; undefined when nothing is.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/guide/storage/naming.html
 */
export function findPathProblem(path: unknown): string | undefined {
  if (typeof path !== 'string') return 'is not a text';
  if (path === '') return 'is empty';
  if (path.startsWith('/')) return 'starts with a slash';
  if (path.includes('//')) return 'holds two slashes in a row';
  if (path.split('/').some(segment => segment === '.' || segment === '..')) {
    return 'holds a "." or ".." segment';
  }
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(path)) return 'holds a control character';
  // In the form field `key` COS would put the file's name in its place.
  if (path.includes('${filename}')) return 'holds ${filename}';
  if (!path.isWellFormed()) return 'is not well-formed Unicode';
  if (isTooLong(path)) {
    return `has more than ${MAX_ENCODED_PATH_BYTES} bytes once percent-encoded`;
  }
  return undefined;
}

/**
 * Makes sure that an object can be stored under a path.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`
 */
export function assertCloudPath(path: unknown): asserts path is string {
  const problem = findPathProblem(path);
  if (problem === undefined) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_PATH_INVALID',
    message: `The cloud path ${problem}. Use a relative path such as photos/2026/cat.png.`,
  });
}

/** How many bytes a path takes once percent-encoded, slashes left as they are. */
export function countEncodedBytes(path: string): number {
  return path.split('/').map(encodeURIComponent).join('/').length;
}

function isTooLong(path: string): boolean {
  if (path.length * MOST_ENCODED_BYTES <= MAX_ENCODED_PATH_BYTES) return false;
  return countEncodedBytes(path) > MAX_ENCODED_PATH_BYTES;
}

/**
 * Makes the default path, `prefix/yyyy/mm/dd/<uuid>.<extension>`: unique, and free of anything a
 * client sent. The extension has no dot; without one the path ends in the UUID. The day is that of
 * `now` in UTC.
 */
export function generateCloudPath(
  prefix: string,
  extension: string | undefined,
  uuid: string = randomUUID(),
  now = new Date(),
): string {
  const folder = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  return `${folder}${dayFolder(now)}/${uuid}${extension === undefined ? '' : `.${extension}`}`;
}

/** `yyyy/mm/dd` in UTC; it is the same for all files of a day. */
function dayFolder(now: Date): string {
  const day = Math.floor(now.getTime() / DAY_MS);
  if (day !== lastDay) {
    lastDay = day;
    lastFolder = now.toISOString().slice(0, 10).replaceAll('-', '/');
  }
  return lastFolder;
}
