import { WxCloudStorageError } from '../errors/index.js';

/**
 * What an HTTP status means that the sidecar of the open API service does not answer with itself; undefined for one that
 * says nothing of it.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/guide/weixin/faq.html
 */
export function sidecarError(endpoint: string, status: number): WxCloudStorageError | undefined {
  const parts = { endpoint, upstreamStatus: status };
  if (status === 502) {
    return new WxCloudStorageError({
      ...parts,
      code: 'WX_CLOUD_API_FAILED',
      message: `${endpoint}: the open API service answered HTTP 502. Add the path under 云调用 → 微信令牌权限配置 in the console and create a new version of the service; if it is listed, try again later.`,
      retryable: true,
    });
  }
  if (status !== 404) return undefined;
  return new WxCloudStorageError({
    ...parts,
    code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
    message: `${endpoint}: HTTP 404, so there is no sidecar of the open API service beside this instance. Switch the service (开放接口服务) on and create a new version; outside WeChat Cloud Hosting use another auth.`,
  });
}
