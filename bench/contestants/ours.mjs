// This package with its defaults.
import { WxCloudFilesInterceptor, WxCloudStorageModule } from 'nestjs-wx-cloud-storage';
import { answerFor, LIMITS, startNest } from './nest.mjs';

/**
 * Starts the package with additional options of the interceptor and of the module, another handler,
 * and middleware.
 */
export function startWith(
  cloud,
  options,
  moduleOptions = {},
  { store = answerFor, middleware } = {},
) {
  const module = WxCloudStorageModule.forRoot({
    env: 'bench',
    appid: 'wx-bench',
    secret: 'bench',
    apiBaseUrl: cloud,
    ...moduleOptions,
  });
  const interceptor = WxCloudFilesInterceptor('file', 100, { limits: LIMITS, ...options });
  return startNest({ interceptor, imports: [module], store, middleware });
}

/** Starts the contestant. */
export function start(cloud) {
  return startWith(cloud, {});
}
