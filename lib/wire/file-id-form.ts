/** A file ID, taken apart in one normal form, however it was spelled. */
export interface FileIdForm {
  /** The environment; undefined where only a path was said. */
  readonly env: string | undefined;
  /** The bucket; undefined where it was left out. */
  readonly bucket: string | undefined;
  /** The path: decoded, in Unicode's composed form, without slashes in front. */
  readonly path: string;
}

const LOOSE_FORM = /^cloud:\/\/([^./]*)(?:\.([^/]*))?\/(.*)$/s;
const ENCODED = /(?:%[\da-f]{2})+/gi;
/** More than anything encodes a text over and over. */
const MAX_DECODINGS = 8;

/**
 * Takes apart a file ID that somebody else may have spelled anew: percent-encoded, decomposed,
 * without its bucket.
 */
export function readFileIdForm(fileId: string): FileIdForm {
  const text = normalise(fileId);
  const [, env, bucket, path = text] = LOOSE_FORM.exec(text) ?? [];
  return { env, bucket, path: path.replace(/^\/+/, '') };
}

/**
 * Tells whether an ID that was said stands for a file that was asked for: what it leaves out is not
 * compared.
 */
export function isSameFile(said: FileIdForm, asked: FileIdForm): boolean {
  return (
    said.path === asked.path &&
    (said.env === undefined || said.env === asked.env) &&
    (said.bucket === undefined || said.bucket === asked.bucket)
  );
}

/**
 * Tells whether an address is that of a file, with its path raw or encoded, behind the host or
 * behind the bucket.
 */
export function isAddressOf(url: string, { bucket, path }: FileIdForm): boolean {
  const behindHost = url.replace(/^[a-z]+:\/\/[^/]*/i, '');
  // In a raw path a question mark may be the path's own.
  const ends = [behindHost.search(/[?#]/), behindHost.lastIndexOf('?'), behindHost.length];
  return ends
    .filter(end => end >= 0)
    .map(end => normalise(behindHost.slice(0, end)))
    .some(found => found === `/${path}` || found.endsWith(`/${bucket}/${path}`));
}

function normalise(text: string): string {
  let normal = text.normalize('NFC');
  for (let round = 0; round < MAX_DECODINGS; round += 1) {
    const decoded = normal.replaceAll(ENCODED, decode).normalize('NFC');
    if (decoded === normal) break;
    normal = decoded;
  }
  return normal;
}

function decode(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    // Bytes that are no UTF-8 stand for themselves.
    return encoded;
  }
}
