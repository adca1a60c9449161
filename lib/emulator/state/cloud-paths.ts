import type { EmulatedCloud } from './emulated-cloud.js';

/** @see https://developers.weixin.qq.com/minigame/dev/wxcloud/guide/storage/naming.html */
const MAX_ENCODED_BYTES = 850;

/** True when an object can have this path. */
export function isCloudPath(path: string): boolean {
  return (
    path !== '' &&
    !path.startsWith('/') &&
    !path.includes('//') &&
    // A client could not ask for such a URL: it would be resolved before.
    !path.split('/').some(segment => segment === '.' || segment === '..') &&
    // eslint-disable-next-line no-control-regex -- the four characters that the naming rules forbid
    !/[\u0018-\u001b]/.test(path) &&
    path.isWellFormed() &&
    encodePath(path).length <= MAX_ENCODED_BYTES
  );
}

/** A path as it stands in a URL. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** A path out of a URL; undefined when it is not well encoded. */
export function decodePath(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

/** What a file ID points to: a path in this bucket, or why it does not. */
type FileIdTarget =
  { readonly cloudPath: string } | { readonly cloudPath?: undefined; readonly errmsg: string };

/** The paths that file IDs of this bucket name, each once and frozen; the others are left out. */
export function namedPaths(fileIds: readonly string[], cloud: EmulatedCloud): readonly string[] {
  const paths = fileIds.flatMap(fileId => resolveFileId(fileId, cloud).cloudPath ?? []);
  return Object.freeze([...new Set(paths)]);
}

/** Takes a file ID apart. */
export function resolveFileId(fileId: string, cloud: EmulatedCloud): FileIdTarget {
  const { fileIdPrefix } = cloud;
  if (fileId.startsWith(fileIdPrefix)) {
    const cloudPath = fileId.slice(fileIdPrefix.length);
    if (isCloudPath(cloudPath)) return { cloudPath };
  }
  const isForeign = /^cloud:\/\/[^./]+\.[^./]+\/./.test(fileId) && !fileId.startsWith(fileIdPrefix);
  return { errmsg: isForeign ? 'STORAGE_EXCEED_AUTHORITY' : 'INVALID_FILEID' };
}
