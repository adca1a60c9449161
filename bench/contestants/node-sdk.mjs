// The SDK @cloudbase/node-sdk, with the file in memory.
import { FilesInterceptor } from '@nestjs/platform-express';
import cloudbase from '@cloudbase/node-sdk';
import { answerFor, LIMITS, startNest } from './nest.mjs';

/** Creates an SDK for the cloud of the benchmark. */
export function createSdk(cloud) {
  return cloudbase.init({
    env: 'bench',
    secretId: 'bench',
    secretKey: 'bench',
    serviceUrl: `${cloud}/admin`,
  });
}

/** Starts the contestant. */
export function start(cloud) {
  const sdk = createSdk(cloud);
  const store = async files => {
    for (const { buffer } of files) {
      await sdk.uploadFile({ cloudPath: `bench/${crypto.randomUUID()}`, fileContent: buffer });
    }
    return answerFor(files);
  };
  return startNest({ interceptor: FilesInterceptor('file', 100, { limits: LIMITS }), store });
}
