import { randomUUID } from 'node:crypto';
import { MemoryBudget } from '../body/memory-budget.js';
import { DiskBudget } from '../body/temporary-file.js';
import type { StorageLogger } from '../diagnostics.js';
import { OptionsInvalidError } from '../errors/errors.js';
import { FileIdScope, type ParsedFileId, parseFileId } from '../file-id/file-id.js';
import { OperationRegistry } from '../operations/operation-registry.js';
import { resolveOptions } from '../options/resolve-options.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { HttpTransport } from '../transport/http-client.js';
import { createCredential } from '../wechat/tokens/create-credential.js';
import { AuthorizedApi, JsonApi, type TokenSource } from '../wechat/wechat-api.js';
import type { WxCloudStoredFile, UploadObjectCall } from './call-options.js';
import { ContentTypeField } from './cos/content-type-field.js';
import { FileDeletions } from './delete.js';
import type { FileCallsContext } from './file-calls.js';
import { LinkCache } from './link-cache.js';
import { DownloadLinks } from './links.js';
import { ConfirmedFiles, UploadTickets } from './upload-tickets.js';

/** The injection token, within the module, of what the operations of an instance share. */
export const STORAGE_CONTEXT = Symbol('wx-cloud-storage:context');

/** The links of so many files are kept; one takes about half a KiB. */
const MAX_CACHED_LINKS = 10_000;

const WITHOUT_TICKETS =
  'Without ticketKey and AppSecret, createUploadForm gives no tickets, and confirmUpload deletes nothing: it refuses bad files, which stay. Set ticketKey for that.';

/** A name that no environment has. */
const NO_ENV = '-';

/**
 * Stands for the context of an instance whose options are wrong. They stop the start where the
 * instance's own service is made: a fake that a test puts in its place needs none.
 */
export class FailedContext {
  /** The problem of the options. */
  readonly error: unknown;

  /** Throws nothing yet. */
  constructor(error: unknown) {
    this.error = error;
  }
}

/** The context, where there is one. @throws what is wrong with the options, where there is none */
export function usableContext(given: StorageContext | FailedContext): StorageContext {
  if (given instanceof FailedContext) throw given.error;
  return given;
}

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
  readonly fileIdScope: FileIdScope;
  /** True when uploads carry the `Content-Type` field. */
  readonly contentTypeField: ContentTypeField;
  /** Temporary links that may be handed out again. */
  readonly linkCache: LinkCache;
  /** What spooled bodies may hold in memory together. */
  readonly budget: MemoryBudget;
  /** Limits the disk that temporary files take together, and says where they are. */
  readonly diskBudget: DiskBudget;
  /** Running operations. */
  readonly operations: OperationRegistry;
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
  readonly storeObject?: ((call: UploadObjectCall) => Promise<WxCloudStoredFile>) | undefined;
}

/** Puts together what one instance needs; opens no connection yet. */
export function createStorageContext(
  options: ResolvedOptions,
  logger: StorageLogger,
): StorageContext {
  const transport = new HttpTransport(options);
  const api = new JsonApi(transport, options.apiBaseUrl, options.auth.type);
  const credential = createCredential(api, options, logger);
  const calls: FileCallsContext = {
    options,
    api: new AuthorizedApi(api, credential),
    fileIdScope: new FileIdScope(options.env, options.bucket),
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
    operations: new OperationRegistry(options.timeouts.totalMs),
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

/** Takes the file IDs of all environments and buckets. */
class AnyFileId extends FileIdScope {
  override parse(fileId: unknown): ParsedFileId {
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
  return { ...context, fileIdScope: new AnyFileId(NO_ENV, undefined) };
}
