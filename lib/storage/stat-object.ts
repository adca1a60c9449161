import { WxCloudStorageError } from '../errors/index.js';
import type { CallOptions } from './operations.js';
import { fetchObject } from './fetch-object.js';
import { readStat, type CloudFileStat } from './object-part.js';
import type { StorageContext } from './storage-context.js';

/** What the headers of an object say. */
export async function statObject(
  context: StorageContext,
  fileId: string,
  options: CallOptions,
): Promise<CloudFileStat> {
  return context.operations.run('reading headers', options, async signal => {
    const fetched = await fetchObject(context, { fileId, method: 'HEAD', signal });
    fetched.answer.discard();
    return readStat(fetched);
  });
}

/** Whether there is such an object. */
export async function objectExists(
  context: StorageContext,
  fileId: string,
  options: CallOptions,
): Promise<boolean> {
  return context.operations.run('reading headers', options, async signal => {
    try {
      (await fetchObject(context, { fileId, method: 'HEAD', signal })).answer.discard();
      return true;
    } catch (error) {
      if (error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_FILE_NOT_FOUND')
        return false;
      throw error;
    }
  });
}
