import {
  detectContentType,
  openFileBody,
  openQueuedBody,
  openUploadBody,
  parseMediaType,
  type OpenBodyContext,
  type QueuedSource,
  type UploadBody,
  type UploadSource,
} from '../body/index.js';
import { WxCloudStorageError } from '../errors/index.js';
import { assertCloudPath } from '../file-id/index.js';
import type { ProgressOptions } from './call-options.js';
import type { StorageContext } from './storage-context.js';
import type { StoredCloudFile, UploadObjectCall } from './upload-call.js';
import { uploadObject } from './upload-object.js';

/** What is stored: bytes in some form, or a local file. */
export type StoredSource =
  | {
      readonly source: UploadSource;
      readonly size: number | undefined;
    }
  | {
      /** A queue of pieces, which may be there as a whole already. */
      readonly queue: QueuedSource;
      readonly size: number | undefined;
      /** The most bytes that it can have, where that is known. */
      readonly mostBytes?: number | undefined;
    }
  | { readonly localPath: string };

/** Where and as what to store a body. */
export type StoragePlan = Pick<UploadObjectCall, 'cloudPath' | 'contentType' | 'isPathUnique'>;

/** One body on its way into the storage. */
export interface StoreSourceCall {
  /** What to store. */
  readonly from: StoredSource;
  /** Looks at the first bytes before anything is sent; what it throws refuses the body. */
  readonly inspectHead: (head: Uint8Array) => Promise<void>;
  /** Decides where it goes, once its first bytes and size are known; what it throws refuses the body. */
  readonly plan: (body: UploadBody) => StoragePlan | Promise<StoragePlan>;
  /** Told how far the transfer to the storage has got. @defaultValue nobody is */
  readonly onProgress?: ProgressOptions['onProgress'];
  /** Ends the call. */
  readonly signal: AbortSignal;
}

/** A body that is in the storage. */
export interface StoredBody {
  /** Where and as what. */
  readonly stored: StoredCloudFile;
  /** Nothing else can be stored at its path. */
  readonly isPathUnique: boolean;
}

/** Opens a body, decides about it, uploads it, and lets go of it. */
export async function storeSource(
  context: StorageContext,
  { from, inspectHead, plan, onProgress, signal }: StoreSourceCall,
): Promise<StoredBody> {
  const body = await openSource(context, from, { inspectHead, signal });
  try {
    const { cloudPath, contentType, isPathUnique } = await plan(body);
    const uploadHere = (call: UploadObjectCall) => uploadObject(context, call);
    const planned = { cloudPath, contentType, isPathUnique, body, onProgress, signal };
    const { storeObject = uploadHere } = context;
    return { stored: await storeObject(planned), isPathUnique };
  } finally {
    await body.dispose();
  }
}

function openSource(
  { options, budget, diskBudget }: StorageContext,
  from: StoredSource,
  { inspectHead, signal }: Pick<OpenBodyContext, 'inspectHead' | 'signal'>,
): Promise<UploadBody> {
  const open: OpenBodyContext = {
    size: 'size' in from ? from.size : undefined,
    areGivenAway: 'queue' in from,
    limits: options.upload,
    budget,
    diskBudget,
    mostBytes: 'queue' in from ? from.mostBytes : undefined,
    idleMs: options.timeouts.idleMs,
    inspectHead,
    signal,
  };
  if ('localPath' in from) return openFileBody(from.localPath, open);
  return 'queue' in from ? openQueuedBody(from.queue, open) : openUploadBody(from.source, open);
}

/** Where a body goes whose path is known beforehand. */
export interface StoreAtPathCall {
  /** What to store. */
  readonly from: StoredSource;
  /** Where; checked before the body is touched. */
  readonly cloudPath: string;
  /** The media type; undefined takes what the first bytes show. */
  readonly contentType: string | undefined;
  /** The media type when the first bytes show none. */
  readonly fallbackType: string;
  /** The application vouches that nothing else is ever stored at the path. @defaultValue false */
  readonly uniquePath?: boolean | undefined;
  /** Told how far the transfer to the storage has got. @defaultValue nobody is */
  readonly onProgress?: ProgressOptions['onProgress'];
  /** Ends the call. */
  readonly signal: AbortSignal;
}

/** Stores a body at a known path. @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`, and as {@link storeSource} does */
export async function storeAtPath(
  context: StorageContext,
  {
    from,
    cloudPath,
    contentType,
    fallbackType,
    uniquePath = false,
    onProgress,
    signal,
  }: StoreAtPathCall,
): Promise<StoredCloudFile> {
  assertCloudPath(cloudPath);
  assertContentType(contentType);
  assertUniquePath(uniquePath);
  let shownType: string | undefined;
  const inspectHead = async (head: Uint8Array): Promise<void> => {
    if (contentType === undefined) shownType = (await detectContentType(head))?.contentType;
  };
  const plan = (): StoragePlan => ({
    cloudPath,
    contentType: contentType ?? shownType ?? fallbackType,
    isPathUnique: uniquePath,
  });
  const { stored } = await storeSource(context, { from, inspectHead, plan, onProgress, signal });
  return stored;
}

function assertUniquePath(uniquePath: unknown): void {
  if (typeof uniquePath === 'boolean') return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: 'upload: uniquePath must be true or false. Leave it out unless your paths are unique.',
  });
}

/**
 * Makes sure that a media type is one, as it becomes a header of every download.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`
 */
export function assertContentType(contentType: string | undefined): void {
  if (contentType === undefined) return;
  if (typeof contentType === 'string' && parseMediaType(contentType) !== undefined) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      'upload: contentType must be a media type such as image/png. Leave it out to have it detected.',
  });
}
