import { WxCloudStorageError } from '../errors/errors.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import { malformed } from '../wechat/endpoints.js';
import type { UnfinishedUploadsPage } from './cos/bucket-replies.js';
import type { CosAccess } from './cos-access.js';
import { callBucket, requireCos } from './direct-access.js';
import type { StorageContext } from './storage-context.js';

/** Options for the removal of unfinished uploads. */
export interface WxCloudSweepOptions extends WxCloudCallOptions {
  /**
   * Minimum age of the uploads to remove, in seconds, from 0. It has to exceed the longest upload
   * of any running process, e.g. 86400 for a day.
   */
  readonly olderThanSeconds: number;
}

/**
 * Aborts multipart uploads that crashed processes have left, whose parts cost money until then.
 * Resolves with their number.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`; `WX_CLOUD_UNSUPPORTED`, also as
 * soon as an abort is not permitted; otherwise the first error of an upload that could not be
 * aborted, after all others were
 * @see https://cloud.tencent.com/document/product/436/7736
 */
export async function sweepUnfinishedUploads(
  context: StorageContext,
  options: WxCloudSweepOptions,
): Promise<number> {
  const { olderThanSeconds } = options;
  if (!Number.isFinite(olderThanSeconds) || olderThanSeconds < 0) {
    throw new WxCloudStorageError({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
      message:
        'olderThanSeconds must be a number of seconds from 0. Pass more than the longest upload takes, e.g. 86400.',
    });
  }
  requireCos(context, NEEDED);
  return context.operations.run('sweeping unfinished uploads', options, signal =>
    sweep(context, olderThanSeconds * 1_000, signal),
  );
}

const NEEDED = 'sweepUnfinishedUploads';

async function sweep(
  context: StorageContext,
  olderThanMs: number,
  signal: AbortSignal,
): Promise<number> {
  let aborted = 0;
  let beforeMs: number | undefined;
  let failure: { readonly error: unknown } | undefined;
  let next: UnfinishedUploadsPage['next'];
  do {
    const page = await requestPage(context, next, signal);
    // By the clock that gave the uploads their times: that of this machine may be wrong.
    beforeMs ??= endOfSecond(page.listedAt ?? new Date()) - olderThanMs;
    for (const upload of page.uploads) {
      if (!(upload.initiated.getTime() <= beforeMs)) continue;
      try {
        await abort(context, upload, signal);
        aborted += 1;
      } catch (error) {
        signal.throwIfAborted();
        if (context.cos?.rights.isDenied('abortUpload') === true) throw error;
        failure ??= { error };
      }
    }
    if (page.next !== undefined && isSame(page.next, next)) {
      throw malformed('GET bucket?uploads', 'the list does not advance');
    }
    next = page.next;
  } while (next !== undefined);
  if (failure !== undefined) throw failure.error;
  return aborted;
}

function requestPage(
  context: StorageContext,
  next: UnfinishedUploadsPage['next'],
  signal: AbortSignal,
): ReturnType<CosAccess['bucket']['listMultipartUploads']> {
  return callBucket(context, {
    needed: NEEDED,
    right: 'listUploads',
    send: ({ bucket }) => bucket.listMultipartUploads(next ?? {}, signal),
    signal,
  });
}

async function abort(
  context: StorageContext,
  { key, uploadId }: UnfinishedUploadsPage['uploads'][number],
  signal: AbortSignal,
): Promise<void> {
  await callBucket(context, {
    needed: NEEDED,
    right: 'abortUpload',
    send: ({ bucket }) => bucket.abortMultipartUpload(key, uploadId, signal),
    signal,
  });
}

/** Returns the end of the second of a date: a date in a header has no fractions. */
function endOfSecond(date: Date): number {
  return Math.floor(date.getTime() / 1_000) * 1_000 + 999;
}

function isSame(
  one: NonNullable<UnfinishedUploadsPage['next']>,
  other: UnfinishedUploadsPage['next'],
): boolean {
  return one.keyMarker === other?.keyMarker && one.uploadIdMarker === other.uploadIdMarker;
}
