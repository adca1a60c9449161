import { WxCloudStorageError } from '../errors/errors.js';
import { findPathProblem } from './cloud-path.js';

/** A file ID taken apart. */
export interface ParsedFileId {
  /** The file ID itself, `cloud://env.bucket/path`. */
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
/** More than anything encodes a text over and over. */
const MAX_DECODINGS = 8;

/**
 * Takes a file ID apart. The short form without a bucket, which some documents show, is not
 * accepted.
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
 * Takes a file ID apart and makes sure that it belongs to an environment, and bucket when one is
 * given.
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
    message: `The file ID is refused: ${reason}. Pass it on exactly as the upload answered it.`,
  });
}

/** A file ID, taken apart in one normal form, however it was spelled. */
export interface FileIdForm {
  /** The environment; undefined where only a path was said. */
  readonly env: string | undefined;
  /** The bucket; undefined where it was left out. */
  readonly bucket: string | undefined;
  /** The path: decoded, in Unicode's composed form, without slashes in front. */
  readonly path: string;
}

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

/**
 * Knows which environment and bucket file IDs may belong to; learns the bucket from the first
 * upload link.
 */
export class FileIdScope {
  readonly #env: string;
  #bucket: string | undefined;

  /** `bucket` is undefined when it is still to be learned. */
  constructor(env: string, bucket: string | undefined) {
    this.#env = env;
    this.#bucket = bucket;
  }

  /** The bucket, once it is known. */
  get bucket(): string | undefined {
    return this.#bucket;
  }

  /**
   * Takes a caller's file ID apart.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` when it is foreign or malformed
   */
  parse(fileId: unknown): ParsedFileId {
    return parseFileIdWithin(fileId, this.#env, this.#bucket);
  }

  /**
   * Checks the file ID of an upload link before anything is sent to it, and learns the bucket. The
   * path has to be the same to the letter: the object would be stored under one name, and looked
   * for under another. `endpoint` is where the link came from, for the error.
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
    message: `${endpoint}: the link is for another environment or bucket than was asked for. Check the options env and bucket.`,
    endpoint,
    cause,
  });
}

/** Retryable, as something in between has mixed up two answers. */
function otherPath(endpoint: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${endpoint}: the link is for another path than was asked for, so nothing was sent to it. Check any gateway or cache between.`,
    retryable: true,
    endpoint,
  });
}
