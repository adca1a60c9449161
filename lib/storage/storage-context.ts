import { MemoryBudget } from '../body/index.js';
import { AuthorizedApi, createCredential, type TokenSource } from '../credentials/index.js';
import type { ResolvedOptions } from '../options/index.js';
import { HttpTransport, JsonApi } from '../transport/index.js';
import { BucketMemory } from './bucket-memory.js';
import { ContentTypeField } from './content-type-field.js';
import { Operations } from './operations.js';
import type { StorageLogger } from './storage-logger.js';

/** What the operations of one instance share. */
export interface StorageContext {
  /** The instance's options. */
  readonly options: ResolvedOptions;
  /** Sends requests to COS. */
  readonly transport: HttpTransport;
  /** Calls WeChat's API with the instance's credential. */
  readonly api: AuthorizedApi;
  /** The access tokens of the instance; undefined where calls go without. */
  readonly tokens: TokenSource | undefined;
  /** Which file IDs are the instance's own. */
  readonly bucket: BucketMemory;
  /** Whether uploads carry the `Content-Type` field. */
  readonly contentTypeField: ContentTypeField;
  /** What spooled bodies may hold in memory together. */
  readonly budget: MemoryBudget;
  /** Running operations. */
  readonly operations: Operations;
  /** Where warnings go. */
  readonly logger: StorageLogger;
}

/** Puts together what one instance needs; opens no connection yet. */
export function createStorageContext(
  options: ResolvedOptions,
  logger: StorageLogger,
): StorageContext {
  const transport = new HttpTransport(options);
  const api = new JsonApi(transport, {
    baseUrl: options.apiBaseUrl,
    isSidecar: options.auth.type === 'open-api-service',
  });
  const credential = createCredential({ api, options, logger });
  return {
    options,
    transport,
    api: new AuthorizedApi(api, credential),
    tokens: credential.tokens,
    bucket: new BucketMemory(options.env, options.bucket),
    contentTypeField: new ContentTypeField(logger),
    budget: new MemoryBudget(options.upload.memoryBudgetBytes),
    operations: new Operations(options.timeouts.totalMs),
    logger,
  };
}
