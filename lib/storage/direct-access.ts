import { WxCloudStorageError } from '../errors/errors.js';
import type { FileIdScope } from '../file-id/file-id.js';
import { retry } from '../operations/retry.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { isTransient } from '../wechat/api-errors.js';
import type { CosAccess } from './cos-access.js';
import { isAccessDenied } from './cos/cos-error.js';

/** The parts of an instance that requests to the bucket use. */
export interface DirectContext {
  /** Direct access to the bucket; undefined without the option `cos`. */
  readonly cos: CosAccess | undefined;
  /** Options of the instance. */
  readonly options: Pick<ResolvedOptions, 'retry'>;
}

/**
 * The actions of each right, as policies name them.
 * @see https://cloud.tencent.com/document/product/436/65935
 */
const ACTIONS = {
  head: 'name/cos:HeadObject',
  get: 'name/cos:GetObject',
  delete: 'name/cos:DeleteObject',
  deleteMany: 'name/cos:DeleteMultipleObjects',
  list: 'name/cos:GetBucket',
  copy: 'name/cos:PutObjectCopy',
  listUploads: 'name/cos:ListMultipartUploads',
  abortUpload: 'name/cos:AbortMultipartUpload',
} as const;

/**
 * Returns the direct access to the bucket, for something that `needed` names as the subject of a
 * sentence.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_UNSUPPORTED` without the option `cos`
 */
export function requireCos({ cos }: DirectContext, needed: string): CosAccess {
  if (cos !== undefined) return cos;
  throw unsupported(
    `${needed} needs direct access to the bucket. Set the option cos, e.g. cos: { bucket: '7072-prod-8gtest-1300000000' }.`,
  );
}

/** Returns the file ID of a path in the bucket of the instance. */
export function toFileId(
  {
    options,
    fileIdScope,
  }: {
    readonly options: Pick<ResolvedOptions, 'env'>;
    readonly fileIdScope: Pick<FileIdScope, 'bucket'>;
  },
  cloudPath: string,
): string {
  return `cloud://${options.env}.${fileIdScope.bucket}/${cloudPath}`;
}

/** Creates the error of a call that the options or the keys do not permit. */
export function unsupported(message: string, cause?: unknown): WxCloudStorageError {
  return new WxCloudStorageError({ code: 'WX_CLOUD_UNSUPPORTED', message, cause });
}

/** One operation of the bucket. */
interface BucketCall<T> {
  /** The method of the service, as the subject of a sentence. */
  readonly needed: string;
  /** The right that it takes. */
  readonly right: keyof typeof ACTIONS;
  /** Sends the request; called for every attempt. */
  readonly send: (cos: CosAccess) => Promise<T>;
  /** Ends the call. */
  readonly signal: AbortSignal;
}

/**
 * Sends a request that only the bucket can serve, with retries.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_UNSUPPORTED` without the option `cos`, or without
 * the right, which is not tried again for 10 minutes
 */
export async function callBucket<T>(context: DirectContext, call: BucketCall<T>): Promise<T> {
  const cos = requireCos(context, call.needed);
  const attempt = await sendPermitted(cos, context, call);
  if ('result' in attempt) return attempt.result;
  throw notPermitted(call.needed, ACTIONS[call.right], attempt.denial);
}

/**
 * Sends a request that has another way: resolves with undefined where the bucket is not accessible,
 * or the keys lack the right, which is not tried again for 10 minutes.
 */
export async function tryBucket<T>(
  context: DirectContext,
  call: Omit<BucketCall<T>, 'needed'>,
): Promise<{ readonly result: T } | undefined> {
  if (context.cos === undefined) return undefined;
  const attempt = await sendPermitted(context.cos, context, call);
  return 'result' in attempt ? attempt : undefined;
}

/** Creates the error of a call that the keys have no right to. */
export function notPermitted(needed: string, action: string, cause: unknown): WxCloudStorageError {
  return unsupported(
    `${needed} is not permitted to the keys of the bucket: COS refused ${action}. Allow it to the keys, or set cos.credentials to keys that have it.`,
    cause,
  );
}

/** Sends a request, or remembers its denial; undefined for one that was remembered. */
async function sendPermitted<T>(
  cos: CosAccess,
  { options }: DirectContext,
  { right, send, signal }: Omit<BucketCall<T>, 'needed'>,
): Promise<{ readonly result: T } | { readonly denial: unknown }> {
  if (cos.rights.isDenied(right)) return { denial: undefined };
  try {
    return { result: await retry(() => send(cos), options.retry, signal, isTransient) };
  } catch (denial) {
    if (!isAccessDenied(denial)) throw denial;
    cos.rights.deny(right);
    return { denial };
  }
}
