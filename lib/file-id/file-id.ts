import { WxCloudStorageError } from '../errors/errors.js';
import { findPathProblem } from './cloud-path.js';

/** A parsed file ID. */
export interface ParsedFileId {
  /** The file ID, `cloud://env.bucket/path`. */
  readonly fileId: string;
  /** The environment ID. */
  readonly env: string;
  /** The bucket, e.g. `7072-prod-8gtest-1300000000`. */
  readonly bucket: string;
  /** The object's path, without a leading slash. */
  readonly cloudPath: string;
}

const FORM = /^cloud:\/\/([^./\s\p{C}]+)\.([^./\s\p{C}]+)\/(.+)$/su;

const LOOSE_FORM = /^cloud:\/\/([^./]*)(?:\.([^/]*))?\/(.*)$/s;
const ENCODED = /(?:%[\da-f]{2})+/gi;
/** Maximum number of encodings on top of each other; higher than any real case. */
const MAX_DECODINGS = 8;

/**
 * Parses a file ID. The short form without a bucket, which some documents show, is refused.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` when it is malformed or its path
 * breaks a rule
 * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/guide/storage/api.html
 */
export function parseFileId(fileId: unknown): ParsedFileId {
  const [, env, bucket, cloudPath] = (typeof fileId === 'string' && FORM.exec(fileId)) || [];
  if (env === undefined || bucket === undefined || cloudPath === undefined) {
    throw invalidFileId('it is not of the form cloud://env.bucket/path');
  }
  const problem = findPathProblem(cloudPath);
  if (problem !== undefined) throw invalidFileId(`its path ${problem}`);
  return { fileId: fileId as string, env, bucket, cloudPath };
}

/**
 * Parses a file ID and checks its environment, and its bucket when one is given.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID`
 */
export function parseFileIdWithin(fileId: unknown, env: string, bucket?: string): ParsedFileId {
  const parsed = parseFileId(fileId);
  if (parsed.env !== env) throw invalidFileId('it belongs to another environment');
  if (bucket !== undefined && parsed.bucket !== bucket) {
    throw invalidFileId('it belongs to another bucket');
  }
  return parsed;
}

function invalidFileId(reason: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_FILE_ID_INVALID',
    message: `The file ID is refused: ${reason}. Pass it on exactly as the upload returned it.`,
  });
}

/** A file ID in normal form, independent of its spelling. */
export interface FileIdForm {
  /** The environment; undefined for a bare path. */
  readonly env: string | undefined;
  /** The bucket; undefined when omitted. */
  readonly bucket: string | undefined;
  /** The path: decoded, in Unicode form NFC, without leading slashes. */
  readonly path: string;
}

/** Parses a file ID in any spelling: percent-encoded, decomposed, or without its bucket. */
export function readFileIdForm(fileId: string): FileIdForm {
  const text = normalise(fileId);
  const [, env, bucket, path = text] = LOOSE_FORM.exec(text) ?? [];
  return { env, bucket, path: path.replace(/^\/+/, '') };
}

/** True when a returned ID means the requested file; parts that it omits are not compared. */
export function isSameFile(returned: FileIdForm, requested: FileIdForm): boolean {
  return (
    returned.path === requested.path &&
    (returned.env === undefined || returned.env === requested.env) &&
    (returned.bucket === undefined || returned.bucket === requested.bucket)
  );
}

/**
 * True when a URL is that of a file, with its path raw or encoded, after the host or after the
 * bucket.
 */
export function isAddressOf(url: string, { bucket, path }: FileIdForm): boolean {
  const behindHost = url.replace(/^[a-z]+:\/\/[^/]*/i, '');
  // A raw path may contain a question mark.
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
    // Bytes that are not UTF-8 stay encoded.
    return encoded;
  }
}

/**
 * Knows the environment and bucket of valid file IDs; learns the bucket from the first upload link.
 */
export class FileIdScope {
  readonly #env: string;
  #bucket: string | undefined;

  /** `bucket` is undefined until it is learned. */
  constructor(env: string, bucket: string | undefined) {
    this.#env = env;
    this.#bucket = bucket;
  }

  /** The bucket, once it is known. */
  get bucket(): string | undefined {
    return this.#bucket;
  }

  /**
   * Parses a file ID of a caller.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` when it is foreign or malformed
   */
  parse(fileId: unknown): ParsedFileId {
    return parseFileIdWithin(fileId, this.#env, this.#bucket);
  }

  /**
   * Checks the file ID of an upload link before anything is sent to it, and learns the bucket. The
   * path must match exactly: otherwise the object would be stored under one name and requested
   * under another. `endpoint` is the origin of the link, for the error.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when the link is for another
   * environment, bucket or path
   */
  learnBucket(fileId: string, cloudPath: string, endpoint: string): void {
    const found = this.#read(fileId, endpoint);
    if (found.cloudPath !== cloudPath) throw otherPath(endpoint);
    this.#bucket = found.bucket;
  }

  #read(fileId: string, endpoint: string): ParsedFileId {
    try {
      return this.parse(fileId);
    } catch (error) {
      throw foreignLink(endpoint, error);
    }
  }
}

function foreignLink(endpoint: string, cause: unknown): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${endpoint}: the link is for another environment or bucket than the request. Check the options env and bucket.`,
    endpoint,
    cause,
  });
}

/** Retryable, as a gateway or cache has mixed up two responses. */
function otherPath(endpoint: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${endpoint}: the link is for another path than the request, so nothing was sent to it. Check any gateway or cache in between.`,
    retryable: true,
    endpoint,
  });
}
