import type { DiskBudget, MemoryBudget } from '../body/index.js';
import type { AuthorizedApi, TokenSource } from '../credentials/index.js';
import type { ResolvedOptions } from '../options/index.js';
import type { HttpTransport } from '../transport/index.js';
import type { ConfirmedFiles } from './confirmed-files.js';
import type { BucketMemory } from './bucket-memory.js';
import type { ContentTypeField } from './content-type-field.js';
import type { LinkCache } from './link-cache.js';
import type { Operations } from './operations.js';
import type { StorageLogger } from './storage-logger.js';
import type { UploadTickets } from './upload-tickets.js';

/** What the operations of one instance work with. */
export interface StorageFoundation {
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
}
