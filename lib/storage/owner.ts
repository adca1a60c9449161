import { WxCloudStorageError } from '../errors/errors.js';
import type { ParsedFileId } from '../file-id/file-id.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import { retry } from '../operations/retry.js';
import { isTransient } from '../wechat/api-errors.js';
import { type DirectContext, requireCos, unsupported } from './direct-access.js';
import { FILE_ID_HEADER } from './object-properties.js';
import { statDirectly } from './read-object.js';
import type { StorageContext } from './storage-context.js';

/** The owner of a file. */
export interface WxCloudFileOwner {
  /** The OpenID of the user who uploaded the file, or of the `openid` that it was stored with. */
  readonly openid: string;
}

/** The part of a sidecar's advice that all owner features share. */
const NEEDS_SIDECAR =
  "needs the calls of the container for signed file IDs. Use cos.credentials 'container' within WeChat Cloud Hosting.";

/**
 * Checks the OpenID of an owner.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`; `WX_CLOUD_UNSUPPORTED` where no
 * owner can be signed
 */
export function assertOwner(
  context: DirectContext,
  openid: unknown,
): asserts openid is string | undefined {
  if (openid === undefined) return;
  if (typeof openid !== 'string' || !/^[\w-]{0,128}$/.test(openid)) {
    throw new WxCloudStorageError({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
      message:
        'openid must be the OpenID of a user, as in the header x-wx-openid. Leave it out for a file of the application.',
    });
  }
  if (openid === '') return;
  const { metaIds } = requireCos(context, 'openid');
  if (metaIds.decode === undefined) throw unsupported(`openid ${NEEDS_SIDECAR}`);
}

/**
 * Returns the owner that is signed into a file; undefined for a file of the application, or with a
 * signed file ID that is missing, unreadable or that of another file.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID`, `WX_CLOUD_FILE_NOT_FOUND`,
 * `WX_CLOUD_UNSUPPORTED`
 */
export async function ownerOf(
  context: StorageContext,
  fileId: string,
  options: WxCloudCallOptions,
): Promise<WxCloudFileOwner | undefined> {
  const file = context.fileIdScope.parse(fileId);
  const { metaIds } = requireCos(context, 'ownerOf');
  if (metaIds.decode === undefined) throw unsupported(`ownerOf ${NEEDS_SIDECAR}`);
  return context.operations.run('reading an owner', options, async signal => {
    const { headers } = await statDirectly(context, file, 'ownerOf', signal);
    const openid = await readOwner(context, file, headers.header(FILE_ID_HEADER), signal);
    return openid === undefined ? undefined : { openid };
  });
}

/** Reads the owner in the signed file ID of a file; undefined without one. */
export async function readOwner(
  context: StorageContext,
  { bucket, cloudPath }: ParsedFileId,
  metaId: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const decode = context.cos?.metaIds.decode;
  if (decode === undefined || metaId === undefined || metaId === '') return undefined;
  try {
    const work = () => decode(metaId, signal);
    const found = await retry(work, context.options.retry, signal, isTransient);
    const isOfFile = found.bucket === bucket && found.path.replace(/^\/+/, '') === cloudPath;
    return isOfFile && found.openid !== '' ? found.openid : undefined;
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

/** True when WeChat has refused the value itself, by an errcode without another meaning. */
function isUnreadable(error: unknown): boolean {
  return (
    error instanceof WxCloudStorageError &&
    error.code === 'WX_CLOUD_API_FAILED' &&
    error.errcode !== undefined &&
    !error.retryable
  );
}
