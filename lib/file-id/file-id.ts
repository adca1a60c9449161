import { WxCloudStorageError } from '../errors/index.js';
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

/** What a file ID may belong to. */
export interface FileIdScope {
  /** The environment it must be of. */
  readonly env: string;
  /** The bucket it must be in; undefined accepts any. */
  readonly bucket?: string | undefined;
}

const FORM = /^cloud:\/\/([^./\s\p{C}]+)\.([^./\s\p{C}]+)\/(.+)$/su;

/**
 * Takes a file ID apart. The short form without a bucket, which some documents show, is not accepted.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` when it is malformed or its path breaks a rule
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
 * Takes a file ID apart and makes sure that it belongs to an environment, and bucket when one is given.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID`
 */
export function parseFileIdWithin(fileId: unknown, scope: FileIdScope): ParsedFileId {
  const parsed = parseFileId(fileId);
  if (parsed.env !== scope.env) throw invalidFileId('it belongs to another environment');
  if (scope.bucket !== undefined && parsed.bucket !== scope.bucket) {
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
