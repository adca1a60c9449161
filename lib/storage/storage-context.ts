import { DiskBudget, MemoryBudget } from '../body/index.js';
import { AuthorizedApi, createCredential } from '../credentials/index.js';
import type { ResolvedOptions } from '../options/index.js';
import { HttpTransport, JsonApi } from '../transport/index.js';
import { BucketMemory } from './bucket-memory.js';
import { ConfirmedFiles } from './confirmed-files.js';
import { ContentTypeField } from './content-type-field.js';
import { FileDeletions } from './delete-files.js';
import { DownloadLinks } from './download-links.js';
import { LinkCache } from './link-cache.js';
import { Operations } from './operations.js';
import type { StorageFoundation } from './storage-foundation.js';
import type { StorageLogger } from './storage-logger.js';
import type { StoredCloudFile, UploadObjectCall } from './upload-call.js';
import { UploadTickets } from './upload-tickets.js';

/** The links of so many files are kept; one takes about half a KiB. */
const MAX_CACHED_LINKS = 10_000;

const WITHOUT_TICKETS =
  'Without ticketKey and AppSecret, createUploadForm gives no tickets, and confirmUpload deletes nothing: it refuses bad files, which stay. Set ticketKey for that.';

/** What the operations of one instance share. */
export interface StorageContext extends StorageFoundation {
  /** Gets temporary links. */
  readonly links: Pick<DownloadLinks, 'get' | 'fetch'>;
  /** Deletes files. */
  readonly deletions: Pick<FileDeletions, 'delete'>;
  /** Stores objects in place of the storage itself; undefined where that does it. */
  readonly storeObject?: ((call: UploadObjectCall) => Promise<StoredCloudFile>) | undefined;
}

/** Puts together what one instance needs; opens no connection yet. */
export function createStorageContext(
  options: ResolvedOptions,
  logger: StorageLogger,
): StorageContext {
  const transport = new HttpTransport(options);
  const api = new JsonApi(transport, {
    baseUrl: options.apiBaseUrl,
    auth: options.auth.type,
  });
  const credential = createCredential({ api, options, logger });
  const foundation: StorageFoundation = {
    options,
    transport,
    api: new AuthorizedApi(api, credential),
    tokens: credential.tokens,
    bucket: new BucketMemory(options.env, options.bucket),
    contentTypeField: new ContentTypeField(logger),
    budget: new MemoryBudget(options.upload.memoryBudgetBytes),
    diskBudget: new DiskBudget(options.upload.spoolDirectory, options.upload.diskBudgetBytes),
    linkCache: new LinkCache(options.links.cache ? MAX_CACHED_LINKS : 0),
    operations: new Operations(options.timeouts.totalMs),
    tickets: new UploadTickets(options),
    confirmed: new ConfirmedFiles(),
    logger,
  };
  if (!foundation.tickets.areMade) logger.log(WITHOUT_TICKETS);
  return {
    ...foundation,
    links: new DownloadLinks(foundation),
    deletions: new FileDeletions(foundation),
  };
}

/** Refuses calls from now on, waits for clean-up, and closes all connections. */
export async function closeStorageContext(
  context: Pick<StorageContext, 'operations' | 'tokens' | 'transport'>,
): Promise<void> {
  await context.operations.close();
  context.tokens?.close?.();
  await context.transport.close();
}
