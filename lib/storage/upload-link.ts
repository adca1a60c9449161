import {
  decodeUploadLink,
  UPLOAD_LINK_ENDPOINT,
  type UploadLink,
  type UploadLinkRequest,
} from '../wire/index.js';
import type { StorageContext } from './storage-context.js';

/**
 * Asks WeChat for a link to upload one object to, and makes sure that it is for the instance's environment.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/upload.html
 */
export async function requestUploadLink(
  { api, options, bucket }: StorageContext,
  cloudPath: string,
  signal: AbortSignal,
): Promise<UploadLink> {
  const body: UploadLinkRequest = { env: options.env, path: cloudPath };
  const link = decodeUploadLink(await api.post({ endpoint: UPLOAD_LINK_ENDPOINT, body, signal }));
  bucket.learn(link.fileId);
  return link;
}
