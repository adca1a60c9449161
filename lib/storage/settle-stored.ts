import { WxCloudStorageError } from '../errors/errors.js';
import { deleteLeftovers } from './clean-up.js';
import type { StorageContext } from './storage-context.js';

/**
 * Settles a file that a call has stored at a unique path, before the call resolves. A file that a
 * sweep may have taken is deleted, and so is one whose caller is gone meanwhile.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_PENDING_LOST`, or the reason of the signal
 */
export async function settleStored(
  context: StorageContext,
  fileId: string,
  signal: AbortSignal,
): Promise<void> {
  const { pending } = context;
  if (pending === undefined) return;
  const lost = await pending.settle([fileId]);
  if (lost.length === 0 && !signal.aborted) return;
  await pending.orphan([fileId]);
  await deleteLeftovers(context, [{ fileId, isPathUnique: true }]);
  signal.throwIfAborted();
  throw filesLost(lost);
}

/** Creates the error for files that a sweep has taken, or may have, before they were settled. */
export function filesLost(fileIds: readonly string[]): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_PENDING_LOST',
    message: `Files waited for their response for so long that a sweep may have deleted them: ${fileIds.join(', ')}. Upload them again; if it happens often, see that this process is not suspended and reaches the store of the option pending.`,
    retryable: true,
  });
}
