import { randomUUID } from 'node:crypto';
import { OptionsInvalidError } from '../errors/index.js';
import { parseFileId, type ParsedFileId } from '../file-id/index.js';
import { resolveOptions } from '../options/index.js';
import { BucketMemory } from './bucket-memory.js';
import { createStorageContext, type StorageContext } from './storage-context.js';
import type { StorageLogger } from '../diagnostics/index.js';

/** A name that no environment has. */
const NO_ENV = '-';

/** Takes the file IDs of all environments and buckets. */
class AnyBucket extends BucketMemory {
  override accept(fileId: unknown): ParsedFileId {
    return parseFileId(fileId);
  }
}

/**
 * Stands in for the context of a service that a test provides without the module: with the default
 * limits, and without an environment. Nothing is called over the network.
 */
export function createDetachedContext(logger: StorageLogger): StorageContext {
  const getToken = (): never => {
    throw new OptionsInvalidError({
      option: 'env',
      expected: 'given, as this WxCloudStorageService was made without WxCloudStorageModule',
      remedy: 'Import the module, or override the method that was called.',
    });
  };
  const options = resolveOptions({
    env: NO_ENV,
    auth: { type: 'custom', getToken },
    retry: { attempts: 1 },
    // Without a key there would be a word of warning.
    ticketKey: randomUUID(),
  });
  return acceptAnyFileId(createStorageContext(options, logger));
}

/**
 * The same context for a fake, whose file IDs are of no environment that the options could name.
 */
export function acceptAnyFileId(context: StorageContext): StorageContext {
  return { ...context, bucket: new AnyBucket(NO_ENV, undefined) };
}
