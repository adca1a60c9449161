import type { HttpAnswer } from '../transport/index.js';
import { getObject, type GetObjectOutcome, type GetObjectRequest } from './get-object.js';
import type { FetchedObject } from './object-part.js';
import { repeat } from './repeat.js';
import type { StorageContext } from './storage-context.js';

/** One reading of an object, or of its headers only. */
export type FetchObjectCall = Omit<GetObjectRequest, 'url'>;

/** How long the links live that are used at once. */
const LINK_AGE_SECONDS = 600;

/**
 * Asks for a link and reads the object behind it. A transient failure is repeated with a fresh link; a link that is
 * refused as expired is renewed once.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID`, `WX_CLOUD_FILE_NOT_FOUND`, `WX_CLOUD_RANGE_UNSATISFIABLE`, `WX_CLOUD_DOWNLOAD_FAILED`, …
 */
export async function fetchObject(
  { bucket, links, transport, options }: StorageContext,
  call: FetchObjectCall,
): Promise<FetchedObject> {
  const { fileId, cloudPath } = bucket.accept(call.fileId);
  const { signal } = call;
  let isRenewed = false;
  const readOnce = async (): Promise<GetObjectOutcome> => {
    const link = await links.fetch({ fileId, maxAgeSeconds: LINK_AGE_SECONDS }, signal);
    return getObject(transport, { ...call, url: new URL(link) });
  };
  const work = async (): Promise<HttpAnswer> => {
    let outcome = await readOnce();
    if (!outcome.isFound && outcome.isLinkExpired && !isRenewed) {
      isRenewed = true;
      outcome = await readOnce();
    }
    if (!outcome.isFound) throw outcome.error;
    return outcome.answer;
  };
  return { fileId, cloudPath, answer: await repeat(options.retry, { work, signal }) };
}
