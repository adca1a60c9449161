import { detectContentType, openSource, parseMediaType, type SourceInput } from '../body/index.js';
import { WxCloudStorageError } from '../errors/index.js';
import { assertCloudPath } from '../file-id/index.js';
import type { ProgressOptions } from './call-options.js';
import type { StorageContext } from './storage-context.js';
import type { StoredCloudFile } from './upload-call.js';
import { uploadObject } from './upload-object.js';

/** Where a body goes whose path is known beforehand. */
export interface StoreAtPathCall {
  /** What to store. */
  readonly from: SourceInput;
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

/**
 * Stores a body at a known path.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`, `WX_CLOUD_ARGUMENT_INVALID`, and as
 * {@link openSource} and {@link uploadObject} do
 */
export async function storeAtPath(
  context: StorageContext,
  {
    from,
    cloudPath,
    uniquePath: isPathUnique = false,
    onProgress,
    signal,
    ...type
  }: StoreAtPathCall,
): Promise<StoredCloudFile> {
  const { contentType: given, fallbackType } = type;
  assertCloudPath(cloudPath);
  assertContentType(given);
  assertUniquePath(isPathUnique);
  const source = await openSource(from, context, signal);
  try {
    const shown = given === undefined ? await detectContentType(source.head) : undefined;
    const contentType = given ?? shown?.contentType ?? fallbackType;
    const body = await source.complete();
    const call = { cloudPath, contentType, isPathUnique, body, onProgress, signal };
    return await uploadObject(context, call);
  } finally {
    await source.dispose();
  }
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
