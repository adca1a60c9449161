import type { WechatCredentials } from '../settings.js';
import type { Cloud } from './cloud.js';

/** Opens an environment of WeChat Cloud Hosting or WeChat CloudBase. Makes no call. */
export function openWechatCloud({ cos, ...credentials }: WechatCredentials): Cloud {
  const { env } = credentials;
  return {
    mode: 'wechat',
    env,
    description: `Images go to the WeChat environment ${env}.`,
    imageSources: ['https://*.tcb.qcloud.la', 'https://*.myqcloud.com'],
    uploadTargets: ['https://cos.ap-shanghai.myqcloud.com', 'https://*.myqcloud.com'],
    storageOptions: credentials,
    cosOptions: cos && { ...credentials, cos },
    requestsAbout: () => [],
    close: () => Promise.resolve(),
  };
}
