import { DiskBudget, MemoryBudget } from '../body/index.js';
import { AuthorizedApi, createCredential, type TokenSource } from '../credentials/index.js';
import type { ResolvedOptions } from '../options/index.js';
import { HttpTransport, JsonApi } from '../transport/index.js';
import { BucketMemory } from './bucket-memory.js';
import { ConfirmedFiles } from './confirmed-files.js';
import { ContentTypeField } from './content-type-field.js';
import { FileDeletions } from './delete-files.js';
import { DownloadLinks } from './download-links.js';
import type { FileCallsContext } from './gather-files.js';
import { LinkCache } from './link-cache.js';
import { Operations } from './operations.js';
import type { StorageLogger } from '../diagnostics/index.js';
import type { StoredCloudFile, UploadObjectCall } from './upload-call.js';
import { UploadTickets } from './upload-tickets.js';

/** The injection token, within the module, of what the operations of an instance share. */
export const STORAGE_CONTEXT = Symbol('wx-cloud-storage:context');

/** The links of so many files are kept; one takes about half a KiB. */
const MAX_CACHED_LINKS = 10_000;

const WITHOUT_TICKETS =
  'Without ticketKey and AppSecret, createUploadForm gives no tickets, and confirmUpload deletes nothing: it refuses bad files, which stay. Set ticketKey for that.';

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
  /** Temporary links that may be handed out again. */
  readonly linkCache: LinkCache;
  /** What spooled bodies may hold in memory together. */
  readonly budget: MemoryBudget;
  /** Limits the disk that temporary files take together, and says where they are. */
  readonly diskBudget: DiskBudget;
  /** Running operations. */
  readonly operations: Operations;
  /** Makes and checks the tickets of forms for clients. */
  readonly tickets: UploadTickets;
  /** Files that no confirmation may delete. */
  readonly confirmed: ConfirmedFiles;
  /** Where warnings go. */
  readonly logger: StorageLogger;
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
  const calls: FileCallsContext = {
    options,
    api: new AuthorizedApi(api, credential),
    bucket: new BucketMemory(options.env, options.bucket),
    linkCache: new LinkCache(options.links.cache ? MAX_CACHED_LINKS : 0),
  };
  const tickets = new UploadTickets(options);
  if (!tickets.areMade) logger.log(WITHOUT_TICKETS);
  return {
    ...calls,
    options,
    transport,
    tokens: credential.tokens,
    contentTypeField: new ContentTypeField(logger),
    links: new DownloadLinks(calls),
    deletions: new FileDeletions(calls),
    budget: new MemoryBudget(options.upload.memoryBudgetBytes),
    diskBudget: new DiskBudget(options.upload.spoolDirectory, options.upload.diskBudgetBytes),
    operations: new Operations(options.timeouts.totalMs),
    tickets,
    confirmed: new ConfirmedFiles(),
    logger,
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
