import { channels, trace } from '../diagnostics.js';
import { WxCloudStorageError } from '../errors/errors.js';
import { assertCloudPath, generateCloudPath } from '../file-id/cloud-path.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import { retry } from '../operations/retry.js';
import { isTransient } from '../wechat/api-errors.js';
import { recordForm } from './direct-upload.js';
import { requireCos, toFileId } from './direct-access.js';
import { assertOwner } from './owner.js';
import type { StorageContext } from './storage-context.js';
import { mayNotPut } from './upload-properties.js';
import { TICKET_GRACE_MS } from './upload-tickets.js';
import { assertContentType } from './upload.js';

/** Options for a URL that a client uploads to. */
export interface WxCloudUploadUrlOptions extends WxCloudCallOptions {
  /**
   * The media type of the object. It is signed, so the client has to send it.
   * @defaultValue none: the client sends any type
   */
  readonly contentType?: string | undefined;
  /**
   * Lifetime of the URL in seconds, from 1 to 86400. It ends earlier with the keys that sign it;
   * `expiresAt` has the time.
   * @defaultValue 900
   */
  readonly expiresInSeconds?: number | undefined;
  /**
   * The OpenID of the user who will own the file.
   * @defaultValue none: a file of the application
   */
  readonly openid?: string | undefined;
}

/**
 * A URL with which a client puts one file straight into the storage. It allows its owner to store
 * and replace a file of any size at its path until `expiresAt`: give it to that client only, and do
 * not log it.
 */
export interface WxCloudUploadUrl {
  /** The URL to send the content to, as the body of the request. */
  readonly url: string;
  /** The method of the request. */
  readonly method: 'PUT';
  /** The headers of the request, in lower case; all of them are signed. */
  readonly headers: Readonly<Record<string, string>>;
  /** The file ID of the file, which does not exist yet. */
  readonly fileId: string;
  /** The time until which the storage accepts the URL, by its own clock. */
  readonly expiresAt: Date;
}

const USUAL_SECONDS = 900;
/** A day, as for links; temporary keys end earlier. */
const MOST_SECONDS = 86_400;

/**
 * Signs a URL for one file. A path that is empty or ends in a slash is completed with a random
 * name.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`, `WX_CLOUD_ARGUMENT_INVALID`,
 * `WX_CLOUD_UNSUPPORTED`
 * @see https://cloud.tencent.com/document/product/436/7749
 */
export async function createUploadUrl(
  context: StorageContext,
  path: string,
  options: WxCloudUploadUrlOptions,
): Promise<WxCloudUploadUrl> {
  const { contentType, expiresInSeconds = USUAL_SECONDS, openid } = options;
  assertContentType(contentType);
  assertLifetime(expiresInSeconds);
  const isPrefix = path === '' || (typeof path === 'string' && path.endsWith('/'));
  const cloudPath = isPrefix ? generateCloudPath(path, undefined) : path;
  assertCloudPath(cloudPath);
  assertOwner(context, openid);
  const { bucket, metaIds, rights } = requireCos(context, 'createUploadUrl');
  if (rights.isDenied('put')) throw mayNotPut('createUploadUrl');
  const { env, retry: policy } = context.options;
  const sign = async (signal: AbortSignal) => {
    const headers = {
      ...(contentType !== undefined && { 'content-type': contentType }),
      'x-cos-meta-fileid': await metaIds.encode(cloudPath, openid ?? '', signal),
    };
    const call = { method: 'PUT', key: cloudPath, headers, expiresInSeconds, signal } as const;
    const { url, expiresAt } = await bucket.presign(call);
    return { url, method: 'PUT', headers, expiresAt } as const;
  };
  const signed = await context.operations.run('creating an upload URL', options, signal => {
    const work = () => retry(() => sign(signal), policy, signal, isTransient);
    return trace(channels.form, () => ({ env }), work);
  });
  const fileId = toFileId(context, cloudPath);
  if (isPrefix) await recordForm(context, fileId, expiresInSeconds * 1_000 + TICKET_GRACE_MS);
  return { ...signed, fileId };
}

function assertLifetime(seconds: number): void {
  if (Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= MOST_SECONDS) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: `expiresInSeconds must be a whole number from 1 to ${MOST_SECONDS}. Leave it out for ${USUAL_SECONDS}.`,
  });
}
