/**
 * The maximum length of a percent-encoded path.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/guide/storage/naming.html
 */
const MAX_ENCODED_BYTES = 850;

/** Returns true if an object can have this path. */
export function isCloudPath(path: string): boolean {
  return (
    path !== '' &&
    !path.startsWith('/') &&
    !path.includes('//') &&
    // Clients resolve such segments before they send a request.
    !path.split('/').some(segment => segment === '.' || segment === '..') &&
    // eslint-disable-next-line no-control-regex -- the four characters that the naming rules forbid
    !/[\u0018-\u001b]/.test(path) &&
    path.isWellFormed() &&
    encodePath(path).length <= MAX_ENCODED_BYTES
  );
}

/** Percent-encodes a path for a URL. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** Decodes a path of a URL; returns undefined if its encoding is invalid. */
export function decodePath(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

/** The prefix of all file IDs of an emulator. */
interface FileIdSource {
  readonly fileIdPrefix: string;
}

/** The path in this bucket that a file ID names, or the reason why it names none. */
type FileIdTarget =
  { readonly cloudPath: string } | { readonly cloudPath?: undefined; readonly errmsg: string };

/** Returns the distinct paths that the file IDs name, frozen; omits IDs of other buckets. */
export function namedPaths(fileIds: readonly string[], cloud: FileIdSource): readonly string[] {
  const paths = fileIds.flatMap(fileId => resolveFileId(fileId, cloud).cloudPath ?? []);
  return Object.freeze([...new Set(paths)]);
}

/** Resolves a file ID to a path. */
export function resolveFileId(fileId: string, cloud: FileIdSource): FileIdTarget {
  const { fileIdPrefix } = cloud;
  if (fileId.startsWith(fileIdPrefix)) {
    const cloudPath = fileId.slice(fileIdPrefix.length);
    if (isCloudPath(cloudPath)) return { cloudPath };
  }
  const isForeign = /^cloud:\/\/[^./]+\.[^./]+\/./.test(fileId) && !fileId.startsWith(fileIdPrefix);
  return { errmsg: isForeign ? 'STORAGE_EXCEED_AUTHORITY' : 'INVALID_FILEID' };
}
