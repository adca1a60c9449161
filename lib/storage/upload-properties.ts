import { UploadRejectedError, WxCloudStorageError } from '../errors/errors.js';
import type { UploadConditions, UploadObjectCall } from './call-options.js';
import type { CosAccess } from './cos-access.js';
import { isAccessDenied } from './cos/cos-error.js';
import { type DirectContext, notPermitted, requireCos, unsupported } from './direct-access.js';
import { type ObjectProperties, toPropertyHeaders } from './object-properties.js';
import { assertOwner } from './owner.js';

/** The header that makes an upload fail where an object exists. */
const CREATE_ONLY_HEADER = 'x-cos-forbid-overwrite';

/** The options that need the bucket, as the subject of a sentence. */
const NEEDED = 'upload with metadata, cacheControl, contentDisposition, createOnly or openid';

/** The options of an upload that only a request to the bucket can fulfil. */
type DirectUploadOptions = ObjectProperties & UploadConditions;

/**
 * Returns the properties of an upload; undefined without any, as for an upload that a form can
 * carry too.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`; `WX_CLOUD_UNSUPPORTED` where the
 * bucket is not accessible
 */
export function toUploadProperties(
  context: DirectContext,
  { createOnly = false, openid = '', ...properties }: DirectUploadOptions,
): UploadObjectCall['properties'] {
  assertCreateOnly(createOnly);
  const headers = {
    ...toPropertyHeaders(properties),
    ...(createOnly && { [CREATE_ONLY_HEADER]: 'true' }),
  };
  assertOwner(context, openid);
  if (Object.keys(headers).length === 0 && openid === '') return undefined;
  const { rights } = requireCos(context, NEEDED);
  if (rights.isDenied('put')) throw mayNotPut(NEEDED);
  if (createOnly && rights.isDenied('createOnly')) throw isVersioned();
  return { headers, openid };
}

function assertCreateOnly(createOnly: unknown): void {
  if (typeof createOnly === 'boolean') return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: 'createOnly must be true or false. Leave it out to replace an existing file.',
  });
}

/**
 * Waits for an upload with properties, and explains its refusal for one of them.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_EXISTS`, `WX_CLOUD_UNSUPPORTED`, and as the
 * upload does
 */
export async function explainRefusal<T>(
  properties: UploadObjectCall['properties'],
  uploading: Promise<T>,
): Promise<T> {
  try {
    return await uploading;
  } catch (error) {
    if (properties === undefined || !(error instanceof UploadRejectedError)) throw error;
    if (isAccessDenied(error)) throw mayNotPut(NEEDED, error);
    throw isCreateOnly(properties) && isConflict(error) ? fileExists(error) : error;
  }
}

/**
 * Checks that the storage has respected the condition of a stored object: a bucket with versions
 * ignores it, which its response shows.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_UNSUPPORTED`
 */
export function assertConditionHeld(
  { rights }: CosAccess,
  properties: UploadObjectCall['properties'],
  header: (name: string) => string | undefined,
): void {
  if (!isCreateOnly(properties) || (header('x-cos-version-id') ?? '') === '') return;
  rights.deny('createOnly');
  throw isVersioned();
}

function isCreateOnly(properties: UploadObjectCall['properties']): boolean {
  return properties !== undefined && CREATE_ONLY_HEADER in properties.headers;
}

/** True when an object exists. The code of the response is not documented. */
function isConflict({ upstreamStatus, cosCode, retryable }: UploadRejectedError): boolean {
  return cosCode === 'FileAlreadyExists' || (upstreamStatus === 409 && !retryable);
}

function fileExists({ cloudPath, upstreamStatus, requestId }: UploadRejectedError): Error {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_FILE_EXISTS',
    message: `Uploading "${cloudPath}" failed: the path has a file already. Choose another path, or leave createOnly out to replace the file.`,
    endpoint: 'PUT object',
    upstreamStatus,
    requestId,
  });
}

/** Creates the error of what the keys may not store, with `needed` as the subject of a sentence. */
export function mayNotPut(needed: string, cause?: unknown): Error {
  return notPermitted(needed, 'name/cos:PutObject', cause);
}

function isVersioned(): Error {
  return unsupported(
    'createOnly has no effect in a bucket that keeps versions: COS replaces existing files there. Leave createOnly out, and use paths that are unique.',
  );
}
