import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { WxCloudStorageError } from '../errors/index.js';
import type { DownloadFileOptions } from './call-options.js';
import { openDownload } from './download-object.js';
import type { StorageContext } from './storage-context.js';

/** Downloads an object into a local file, which appears under its name only once it is whole. */
export async function downloadToFile(
  context: StorageContext,
  { fileId, localPath }: { readonly fileId: string; readonly localPath: string },
  { verifyEtag, onProgress, ...options }: DownloadFileOptions,
): Promise<void> {
  await context.operations.run('downloading', options, async signal => {
    const { body } = await openDownload(context, fileId, { signal, verifyEtag, onProgress });
    // Not named after the target, whose name may be as long as a name can be.
    const partPath = join(dirname(localPath), `.${randomUUID()}.part`);
    try {
      await pipeline(body, createWriteStream(partPath, { flags: 'wx' }));
      await rename(partPath, localPath);
    } catch (error) {
      await rm(partPath, { force: true });
      throw toFileError(error);
    }
  });
}

function toFileError(error: unknown): WxCloudStorageError {
  if (error instanceof WxCloudStorageError) return error;
  return new WxCloudStorageError({
    code: 'WX_CLOUD_SPOOL_FAILED',
    message:
      'The download could not be written to the local file; nothing is left of it. See the cause.',
    cause: error,
  });
}
