import { pauseBeforeRetry } from '../operations/retry.js';
import { isTransient } from '../wechat/api-errors.js';
import { inBatches } from './batching.js';
import { isAccessDenied } from './cos/cos-error.js';
import { type DirectContext, tryBucket } from './direct-access.js';
import { failure, type WxCloudFileOutcome } from './file-outcome.js';

/**
 * The most keys in one request.
 * @see https://cloud.tencent.com/document/product/436/8289
 */
const MAX_KEYS = 1_000;

/** Finds characters of paths that a document in XML cannot have. */
const NOT_XML = /[\ufffe\uffff]/;

/** A file to delete. */
interface DeletedFile {
  /** The file ID, as given by the caller. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
}

/** The error of a key that was not deleted; undefined for a deleted one. */
type KeyError = Error | undefined;

/**
 * Deletes files at the bucket itself: one outcome each, in order. The outcome is undefined for a
 * file that the keys may not delete, and for all files where the bucket is not accessible.
 */
export async function deleteDirectly(
  context: DirectContext,
  files: readonly DeletedFile[],
  signal: AbortSignal,
): Promise<readonly (WxCloudFileOutcome<object> | undefined)[]> {
  const keys = context.cos === undefined ? [] : files.map(({ cloudPath }) => cloudPath);
  const errors = new Map<string, KeyError>();
  const different = [...new Set(keys)];
  const batches = toBatches(different.filter(key => !NOT_XML.test(key)));
  const alone = different.filter(key => NOT_XML.test(key)).map(key => [key]);
  await inBatches([...batches, ...alone], batch => deleteKeys(context, batch, errors, signal));
  return files.map(({ fileId, cloudPath }) => {
    const error = errors.get(cloudPath);
    if (!errors.has(cloudPath) || isAccessDenied(error)) return undefined;
    return error === undefined ? { fileId, ok: true } : failure(fileId, error);
  });
}

function toBatches(keys: readonly string[]): readonly (readonly string[])[] {
  const count = Math.ceil(keys.length / MAX_KEYS);
  return Array.from({ length: count }, (_, index) =>
    keys.slice(index * MAX_KEYS, (index + 1) * MAX_KEYS),
  );
}

/** Deletes keys and records their results. Those that fail for now are repeated alone. */
async function deleteKeys(
  context: DirectContext,
  keys: readonly string[],
  errors: Map<string, KeyError>,
  signal: AbortSignal,
): Promise<void> {
  const { retry: policy } = context.options;
  let left = keys;
  for (let attempt = 1; left.length > 0 && attempt <= policy.attempts; attempt += 1) {
    if (attempt > 1) await pauseBeforeRetry(policy, attempt - 1, signal);
    try {
      const results = await sendKeys(context, left, signal);
      if (results === undefined) return;
      left.forEach((key, index) => errors.set(key, results[index]));
    } catch (error) {
      signal.throwIfAborted();
      // Has had its attempts.
      for (const key of left) errors.set(key, error as Error);
      return;
    }
    left = left.filter(key => isTransient(errors.get(key)));
  }
}

/** Sends one request; resolves with undefined when the keys lack the right. */
async function sendKeys(
  context: DirectContext,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly KeyError[] | undefined> {
  const [only = '', ...others] = keys;
  if (others.length === 0) {
    const sent = await tryBucket(context, {
      right: 'delete',
      send: ({ bucket }) => bucket.deleteObject(only, signal),
      signal,
    });
    return sent && [undefined];
  }
  const sent = await tryBucket(context, {
    right: 'deleteMany',
    send: ({ bucket }) => bucket.deleteObjects(keys, signal),
    signal,
  });
  return sent?.result.map(({ error }) => error);
}
