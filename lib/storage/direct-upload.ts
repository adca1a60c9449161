import { channels, trace } from '../diagnostics.js';
import { assertCloudPath, generateCloudPath } from '../file-id/cloud-path.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import { retry } from '../operations/retry.js';
import { isTransient } from '../wechat/api-errors.js';
import { toFormFields } from './cos/post-object.js';
import type { StorageContext } from './storage-context.js';
import { requestUploadLink } from './upload-link.js';
import { TICKET_GRACE_MS } from './upload-tickets.js';
import { assertContentType } from './upload.js';

/** Options for a form of a client. */
export interface WxCloudUploadFormOptions extends WxCloudCallOptions {
  /**
   * The media type of the object, whatever the client sends.
   * @defaultValue none: the object is stored as `application/octet-stream`
   */
  readonly contentType?: string | undefined;
  /**
   * The extension of a generated path, without the dot, e.g. `png`.
   * @defaultValue none
   */
  readonly extension?: string | undefined;
}

/**
 * A form with which a client posts one file straight to the storage. It allows its owner to store
 * and replace a file at its path until `expiresAt`: give it to that client only, and do not log it.
 */
export interface WxCloudUploadForm {
  /** The URL to `POST` the form to, as `multipart/form-data`. */
  readonly url: string;
  /** The form fields, in order. The file follows them, as the field `file`. */
  readonly fields: Readonly<Record<string, string>>;
  /** The file ID of the file, which does not exist yet. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /** The time until which the storage accepts the form, by its own clock. */
  readonly expiresAt: Date;
  /**
   * Proof that the file comes from this form, for `confirmUpload`, which deletes a file that breaks
   * a rule only with it. Give it to the client together with the form. It expires 15 minutes after
   * `expiresAt`, at the latest 2 hours after it was made. Undefined without `ticketKey` and
   * AppSecret.
   */
  readonly ticket: string | undefined;
}

/** Lifetime of a signature that names none, as in all samples, in milliseconds. */
const USUAL_WINDOW_MS = 900_000;
/** Maximum time for which a form is recorded as pending. */
const LONGEST_RECORD_MS = 604_800_000;
/** The maximum time of a `Date`. */
const LAST_TIME_MS = 8.64e15;

/**
 * Creates a form for one file. A path that is empty or ends in a slash is completed with a random
 * name.
 * @see https://cloud.tencent.com/document/api/436/14690
 */
export async function createUploadForm(
  context: StorageContext,
  path: string,
  options: WxCloudUploadFormOptions,
): Promise<WxCloudUploadForm> {
  const { contentType, extension } = options;
  assertContentType(contentType);
  const isPrefix = path === '' || (typeof path === 'string' && path.endsWith('/'));
  const cloudPath = isPrefix ? generateCloudPath(path, extension) : path;
  assertCloudPath(cloudPath);
  const { contentTypeField, operations, options: instance, tickets } = context;
  const describe = () => ({ env: instance.env });
  const link = await operations.run('creating a form', options, signal => {
    const ask = () => requestUploadLink(context, cloudPath, signal);
    const work = () => retry(ask, instance.retry, signal, isTransient);
    return trace(channels.form, describe, work);
  });
  const { expiresAt, lifetimeMs } = readExpiry(link.signature);
  // A sweep may take the file once it can be neither posted nor confirmed.
  if (isPrefix) await recordForm(context, link.fileId, lifetimeMs + TICKET_GRACE_MS);
  const sentType = contentTypeField.isSent ? contentType : undefined;
  return {
    url: link.url,
    fields: toFormFields(link, cloudPath, sentType),
    fileId: link.fileId,
    cloudPath,
    expiresAt,
    ticket: tickets.issue(link.fileId, expiresAt, isPrefix),
  };
}

/** Records a file that a client may store or confirm within the next `dueInMs` milliseconds. */
export async function recordForm(
  { pending }: Pick<StorageContext, 'pending'>,
  fileId: string,
  dueInMs: number,
): Promise<void> {
  await pending?.recordForm(fileId, Math.min(dueInMs, LONGEST_RECORD_MS));
}

/**
 * Reads the expiry from `q-sign-time=<start>;<end>`, in seconds.
 * @see https://cloud.tencent.com/document/product/436/7778
 */
function readExpiry(signature: string): {
  readonly expiresAt: Date;
  /** The whole lifetime, which depends on no clock of this machine. */
  readonly lifetimeMs: number;
} {
  const [, start, end] = /[?&]?q-sign-time=(\d+);(\d+)/.exec(signature) ?? [];
  const endMs = Number(end ?? Number.NaN) * 1_000;
  if (!(endMs <= LAST_TIME_MS)) {
    return { expiresAt: new Date(Date.now() + USUAL_WINDOW_MS), lifetimeMs: USUAL_WINDOW_MS };
  }
  return { expiresAt: new Date(endMs), lifetimeMs: Math.max(0, endMs - Number(start) * 1_000) };
}
