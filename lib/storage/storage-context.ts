import { randomUUID } from 'node:crypto';
import { MemoryBudget } from '../body/memory-budget.js';
import { DiskBudget } from '../body/temporary-file.js';
import { publishPending, RareWarnings, type StorageLogger } from '../diagnostics.js';
import { OptionsInvalidError } from '../errors/errors.js';
import { FileIdScope, type ParsedFileId, parseFileId } from '../file-id/file-id.js';
import { OperationRegistry } from '../operations/operation-registry.js';
import { resolveOptions } from '../options/resolve-options.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { PendingLedger } from '../pending/pending-ledger.js';
import { Replicas } from '../replicas/replicas.js';
import { HttpTransport } from '../transport/http-client.js';
import { SharedConnections } from '../transport/shared-connections.js';
import { createCredential } from '../wechat/tokens/create-credential.js';
import { AuthorizedApi, JsonApi, type TokenSource } from '../wechat/wechat-api.js';
import type { WxCloudStoredFile, UploadObjectCall } from './call-options.js';
import { type CosAccess, createCosAccess } from './cos-access.js';
import { ContentTypeField } from './cos/content-type-field.js';
import { FileDeletions } from './delete.js';
import { LinkCache } from './link-cache.js';
import { DownloadLinks } from './links.js';
import { SendAheadSlots } from './send-ahead-slots.js';
import { ConfirmedFiles, UploadTickets } from './upload-tickets.js';

/** The injection token of the context, within the module. */
export const STORAGE_CONTEXT = Symbol('wx-cloud-storage:context');

/** Maximum number of cached links; one takes about half a KiB. */
const MAX_CACHED_LINKS = 10_000;
/** The same for each of any number of instances that are opened at run time. */
const MAX_CACHED_LINKS_OF_OPENED = 1_000;

/** Confirmed files of all instances that are opened at run time, and of each of them. */
const MAX_CONFIRMED_OF_ALL = 200_000;
const MAX_CONFIRMED_OF_OPENED = 20_000;

const WITHOUT_TICKETS =
  'Without ticketKey and AppSecret, createUploadForm returns no tickets, and confirmUpload deletes nothing: files that it refuses remain. Set ticketKey for tickets.';

/** An environment name that cannot exist. */
const NO_ENV = '-';

/**
 * The context of an instance with invalid options. They stop the start where the service of the
 * instance is created; a fake in its place needs no valid options.
 */
export class FailedContext {
  /** The error of the options. */
  readonly error: unknown;

  /** Throws nothing yet. */
  constructor(error: unknown) {
    this.error = error;
  }
}

/**
 * Returns a valid context.
 * @throws the error of invalid options
 */
export function usableContext(given: StorageContext | FailedContext): StorageContext {
  if (given instanceof FailedContext) throw given.error;
  return given;
}

type Ledger = Pick<PendingLedger, keyof PendingLedger>;

/** The shared parts of one instance. */
export interface StorageContext {
  /** Options of the instance. */
  readonly options: ResolvedOptions;
  /** Sends requests to COS. */
  readonly transport: HttpTransport;
  /** Calls the WeChat API with the credential of the instance. */
  readonly api: AuthorizedApi;
  /** Access tokens of the instance; undefined for calls without a token. */
  readonly tokens: TokenSource | undefined;
  /** Environment and bucket of the instance. */
  readonly fileIdScope: FileIdScope;
  /** Decides if uploads send the `Content-Type` field. */
  readonly contentTypeField: ContentTypeField;
  /** Cached temporary links. */
  readonly linkCache: LinkCache;
  /** Limits the memory that uploads hold together. */
  readonly budget: MemoryBudget;
  /** Limits the disk space of temporary files, and knows their folder. */
  readonly diskBudget: DiskBudget;
  /** Limits the uploads that are sent while their client still sends. */
  readonly sendAheadSlots: SendAheadSlots;
  /** Running operations. */
  readonly operations: OperationRegistry;
  /** Issues and verifies the tickets of forms for clients. */
  readonly tickets: UploadTickets;
  /** Confirmed files, which must not be deleted. */
  readonly confirmed: ConfirmedFiles;
  /** Records uploads until they are answered; undefined without the option `pending`. */
  readonly pending: Ledger | undefined;
  /** Receives warnings. */
  readonly logger: StorageLogger;
  /** Warnings of failing functions of the application. */
  readonly warnings: RareWarnings;
  /** Gets temporary links. */
  readonly links: Pick<DownloadLinks, 'get' | 'fetch'>;
  /** Deletes files. */
  readonly deletions: Pick<FileDeletions, 'delete'>;
  /** The other replicas of the instance; undefined without the option `replicas`. */
  readonly replicas: Replicas | undefined;
  /** Direct access to the bucket; undefined without the option `cos`. */
  readonly cos: CosAccess | undefined;
  /** Stores objects in place of the storage; undefined for the storage itself. */
  readonly storeObject?: ((call: UploadObjectCall) => Promise<WxCloudStoredFile>) | undefined;
  /** True when something in place of the storage stores objects now; undefined for never. */
  readonly isStorageReplaced?: (() => boolean) | undefined;
}

/** Resources that the instances of an application share if they are opened at run time. */
export interface SharedResources {
  /** Their connections. */
  readonly connections: SharedConnections;
  /** Their uploads that are sent while the client still sends. */
  readonly sendAheadSlots: SendAheadSlots;
  /** Confirmed files, which an instance that is opened again must still know. */
  readonly confirmed: ConfirmedFiles;
}

/** Creates shared resources for this many connections; opens none yet. */
export function createSharedResources(maxConnections: number): SharedResources {
  const sendAheadSlots = new SendAheadSlots(maxConnections);
  return {
    connections: new SharedConnections(maxConnections, () => sendAheadSlots.freeOne()),
    sendAheadSlots,
    confirmed: new ConfirmedFiles(MAX_CONFIRMED_OF_ALL, MAX_CONFIRMED_OF_OPENED),
  };
}

/**
 * Creates the context of one instance; opens no connection yet, and subscribes to the news of other
 * replicas. `shared` is given for an instance that is opened at run time.
 */
export function createStorageContext(
  options: ResolvedOptions,
  logger: StorageLogger,
  shared?: SharedResources,
): StorageContext {
  // With a dispatcher of its own, an instance uses none of the shared connections.
  const ofAll = options.dispatcher === undefined ? shared?.sendAheadSlots : undefined;
  const sendAheadSlots = new SendAheadSlots(options.maxConnections, ofAll);
  const freeOne = (): void => sendAheadSlots.freeOne();
  const transport = new HttpTransport(options, freeOne, shared?.connections);
  const api = new JsonApi(transport, options.apiBaseUrl, options.auth.type);
  const credential = createCredential(api, options, logger, shared !== undefined);
  const calls = {
    options,
    api: new AuthorizedApi(api, credential),
    fileIdScope: new FileIdScope(options.env, options.bucket),
    linkCache: createLinkCache(options, shared),
  };
  const cos = createCosAccess(transport, calls, logger);
  const tickets = new UploadTickets(options);
  if (!tickets.areIssued) logger.log(WITHOUT_TICKETS);
  return {
    ...calls,
    options,
    transport,
    tokens: credential.tokens,
    contentTypeField: new ContentTypeField(logger),
    links: new DownloadLinks(calls),
    deletions: new FileDeletions(calls, cos),
    replicas: connectReplicas(options, calls.linkCache, logger),
    cos,
    budget: new MemoryBudget(options.upload.memoryBudgetBytes),
    diskBudget: new DiskBudget(options.upload.spoolDirectory, options.upload.diskBudgetBytes),
    sendAheadSlots,
    operations: new OperationRegistry(options.timeouts.totalMs),
    tickets,
    confirmed: shared?.confirmed ?? new ConfirmedFiles(),
    pending: createLedger(options, logger),
    logger,
    warnings: new RareWarnings(logger),
  };
}

function createLinkCache({ links }: ResolvedOptions, shared?: SharedResources): LinkCache {
  const mostLinks = shared === undefined ? MAX_CACHED_LINKS : MAX_CACHED_LINKS_OF_OPENED;
  return new LinkCache(links.cache ? mostLinks : 0);
}

function createLedger(
  { pending: store, env }: ResolvedOptions,
  logger: StorageLogger,
): PendingLedger | undefined {
  if (store === undefined) return undefined;
  const onChange = (upload: object, isPending: boolean): void =>
    publishPending(env, upload, isPending);
  return new PendingLedger({ store, logger, onChange });
}

function connectReplicas(
  { replicas: channel, env }: ResolvedOptions,
  linkCache: LinkCache,
  logger: StorageLogger,
): Replicas | undefined {
  if (channel === undefined) return undefined;
  const replicas = new Replicas(channel, env, linkCache, logger);
  linkCache.announceTo(fileIds => replicas.announceChanged(fileIds));
  return replicas;
}

/** Refuses further calls, waits for clean-up, and closes all connections. */
export async function closeStorageContext(
  context: Pick<
    StorageContext,
    'operations' | 'pending' | 'tokens' | 'transport' | 'cos' | 'replicas'
  >,
): Promise<void> {
  await context.operations.close();
  await Promise.all([context.pending?.close(), context.replicas?.close()]);
  context.cos?.close();
  context.tokens?.close?.();
  await context.transport.close();
}

/** Accepts file IDs of all environments and buckets. */
class AnyFileId extends FileIdScope {
  override parse(fileId: unknown): ParsedFileId {
    return parseFileId(fileId);
  }
}

/**
 * Creates the context of a service that a test provides without the module: default limits, no
 * environment, no network calls.
 */
export function createDetachedContext(logger: StorageLogger): StorageContext {
  const getToken = (): never => {
    throw new OptionsInvalidError({
      option: 'env',
      expected: 'given, as this WxCloudStorageService was created without WxCloudStorageModule',
      remedy: 'Import the module, or override the method that was called.',
    });
  };
  const options = resolveOptions({
    env: NO_ENV,
    auth: { type: 'custom', getToken },
    retry: { attempts: 1 },
    // Without a key the context would log a notice.
    ticketKey: randomUUID(),
  });
  return acceptAnyFileId(createStorageContext(options, logger));
}

/** Returns the same context for a fake, whose file IDs may name any environment. */
export function acceptAnyFileId(context: StorageContext): StorageContext {
  return { ...context, fileIdScope: new AnyFileId(NO_ENV, undefined) };
}
