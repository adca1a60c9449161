import { randomUUID } from 'node:crypto';
import { WxCloudStorageError } from '../errors/errors.js';

/**
 * Maximum length of a path, in bytes after percent-encoding.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/guide/storage/naming.html
 */
export const MAX_ENCODED_PATH_BYTES = 850;

/** Upper bound per UTF-16 unit: three UTF-8 bytes, each three characters when encoded. */
const MOST_ENCODED_BYTES = 9;

const DAY_MS = 86_400_000;
let lastDay = -1;
let lastFolder = '';

/**
 * Finds the problem of a cloud path, as the end of a sentence; undefined when it is valid.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/guide/storage/naming.html
 */
export function findPathProblem(path: unknown): string | undefined {
  if (typeof path !== 'string') return 'is not a string';
  if (path === '') return 'is empty';
  if (path.startsWith('/')) return 'starts with a slash';
  if (path.includes('//')) return 'contains two slashes in a row';
  if (path.split('/').some(segment => segment === '.' || segment === '..')) {
    return 'contains a "." or ".." segment';
  }
  // eslint-disable-next-line no-control-regex -- finds control characters
  if (/[\u0000-\u001f\u007f-\u009f]/.test(path)) return 'contains a control character';
  // COS would replace it with the file name in the form field `key`.
  if (path.includes('${filename}')) return 'contains ${filename}';
  if (!path.isWellFormed()) return 'is not well-formed Unicode';
  if (isTooLong(path)) {
    return `has more than ${MAX_ENCODED_PATH_BYTES} bytes after percent-encoding`;
  }
  return undefined;
}

/**
 * Checks that a path is a valid cloud path.
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

/** Number of bytes of a path after percent-encoding; slashes are not encoded. */
export function countEncodedBytes(path: string): number {
  return path.split('/').map(encodeURIComponent).join('/').length;
}

function isTooLong(path: string): boolean {
  if (path.length * MOST_ENCODED_BYTES <= MAX_ENCODED_PATH_BYTES) return false;
  return countEncodedBytes(path) > MAX_ENCODED_PATH_BYTES;
}

/**
 * Generates the default path, `prefix/yyyy/mm/dd/<uuid>.<extension>`: unique, and without any input
 * of a client. The extension has no dot; without one the path ends in the UUID. The day is that of
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

/** The folder `yyyy/mm/dd` in UTC, cached for the day. */
function dayFolder(now: Date): string {
  const day = Math.floor(now.getTime() / DAY_MS);
  if (day !== lastDay) {
    lastDay = day;
    lastFolder = now.toISOString().slice(0, 10).replaceAll('-', '/');
  }
  return lastFolder;
}
