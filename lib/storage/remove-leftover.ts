import { createHash } from 'node:crypto';
import type { UploadBody } from '../body/index.js';
import { WxCloudStorageError } from '../errors/index.js';
import { deleteFiles } from './delete-files.js';
import { fetchObject } from './fetch-object.js';
import { unwrap } from './file-outcome.js';
import { reportOrphans } from './orphans.js';
import type { StorageContext } from './storage-context.js';

/** How long removing what a failed call left behind may take: it holds up the answer to a request that failed already. */
export const CLEANUP_MS = 10_000;

/** What a failed upload may have left behind. */
export interface Leftover {
  /** The file ID it would have. */
  readonly fileId: string;
  /** What was sent; undefined when it cannot be read again. */
  readonly body: UploadBody;
  /** Whether nothing else can be stored at the path. */
  readonly isPathUnique: boolean;
}

/**
 * Removes an object of which it is not known whether a failed upload stored it. At a path that may have held an older
 * object, that one is left alone: whose it is, its ETag tells.
 */
export async function removeLeftover(context: StorageContext, leftover: Leftover): Promise<void> {
  const { fileId } = leftover;
  try {
    await context.operations.runCleanup('removing a failed upload', CLEANUP_MS, async signal => {
      if (await isOlderObject(context, leftover, signal)) return;
      unwrap(await deleteFiles(context, { fileIds: [fileId], signal }));
    });
  } catch {
    // Whatever the reason, the operator has to know that the object may still be there.
    await reportOrphans(context, [fileId]);
  }
}

async function isOlderObject(
  context: StorageContext,
  { fileId, body, isPathUnique }: Leftover,
  signal: AbortSignal,
): Promise<boolean> {
  if (isPathUnique) return false;
  const found = await findObject(context, fileId, signal);
  if (found === undefined) return false;
  if (found.size !== body.size) return true;
  if (found.etag === '' || !body.isReplayable) return false;
  return found.etag !== (await md5Of(body, signal));
}

async function findObject(
  context: StorageContext,
  fileId: string,
  signal: AbortSignal,
): Promise<{ readonly size: number; readonly etag: string } | undefined> {
  try {
    const { answer, stat } = await fetchObject(context, { fileId, method: 'HEAD', signal });
    answer.discard();
    return stat;
  } catch (error) {
    if (error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_FILE_NOT_FOUND')
      return undefined;
    throw error;
  }
}

async function md5Of(body: UploadBody, signal: AbortSignal): Promise<string> {
  const hash = createHash('md5');
  const bytes = body.open(signal);
  if (Buffer.isBuffer(bytes)) return hash.update(bytes).digest('hex');
  for await (const piece of bytes) hash.update(piece);
  return hash.digest('hex');
}
