import { WxCloudStorageError } from '../errors/index.js';
import { isLoopback } from '../options/index.js';
import {
  decodeUploadLink,
  UPLOAD_LINK_ENDPOINT,
  type UploadLink,
  type UploadLinkRequest,
} from '../wire/index.js';
import type { StorageContext } from './storage-context.js';

/**
 * Asks WeChat for a link to upload one object to, and makes sure that it is for this path, and
 * for the instance's environment and bucket.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/upload.html
 */
export async function requestUploadLink(
  { api, options, bucket }: StorageContext,
  cloudPath: string,
  signal: AbortSignal,
): Promise<UploadLink> {
  const body: UploadLinkRequest = { env: options.env, path: cloudPath };
  const link = decodeUploadLink(await api.post({ endpoint: UPLOAD_LINK_ENDPOINT, body, signal }));
  assertPrivate(link.address);
  bucket.learn(link.fileId, cloudPath, UPLOAD_LINK_ENDPOINT);
  return link;
}

/** The form carries a signature and a security token. */
function assertPrivate(address: URL): void {
  if (address.protocol === 'https:' || isLoopback(address)) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${UPLOAD_LINK_ENDPOINT}: the link is not https:, so nothing was sent to it. Check any gateway between.`,
    endpoint: UPLOAD_LINK_ENDPOINT,
  });
}
