// The SDK @cloudbase/node-sdk, with a temporary file.
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FilesInterceptor } from '@nestjs/platform-express';
import { answerFor, LIMITS, startNest } from './nest.mjs';
import { createSdk } from './node-sdk.mjs';

/** Starts the contestant. */
export async function start(cloud) {
  const sdk = createSdk(cloud);
  const dest = mkdtempSync(join(tmpdir(), 'wx-cloud-bench-'));
  const storeOne = async ({ path }) => {
    const fileContent = createReadStream(path);
    await sdk.uploadFile({ cloudPath: `bench/${crypto.randomUUID()}`, fileContent });
    await unlink(path);
  };
  const store = async files => {
    for (const file of files) await storeOne(file);
    return answerFor(files);
  };
  const interceptor = FilesInterceptor('file', 100, { dest, limits: LIMITS });
  const { url, close } = await startNest({ interceptor, store });
  return {
    url,
    close: async () => {
      await close();
      rmSync(dest, { recursive: true });
    },
  };
}
