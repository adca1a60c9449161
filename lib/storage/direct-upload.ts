import { assertCloudPath, generateCloudPath } from '../file-id/cloud-path.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import { retry } from '../operations/retry.js';
import { isTransient } from '../wechat/api-errors.js';
import { toFormFields } from './cos/post-object.js';
import type { StorageContext } from './storage-context.js';
import { assertContentType, requestUploadLink } from './upload.js';

/** What a form for a client is made with. */
export interface WxCloudUploadFormOptions extends WxCloudCallOptions {
  /**
   * The media type that the object is stored with, whatever the client sends. @defaultValue none:
   * the object is stored as `application/octet-stream`
   */
  readonly contentType?: string | undefined;
  /** The extension of a path that is made up, without the dot, e.g. `png`. @defaultValue none */
  readonly extension?: string | undefined;
}

/**
 * What a client needs to post one file straight to the storage. Whoever has it can store a file at
 * its path, and replace it, until `expiresAt`: give it to that client alone, and do not log it.
 */
export interface WxCloudUploadForm {
  /** Where to `POST` the form, as `multipart/form-data`. */
  readonly url: string;
  /** The fields of the form, in their order; the file comes behind them, as the field `file`. */
  readonly fields: Readonly<Record<string, string>>;
  /** The file ID that the file will have. It does not exist yet. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /** Until when the storage takes the form, by its own clock. */
  readonly expiresAt: Date;
  /**
   * The proof that the file is of this form, for `confirmUpload`, which deletes a file that breaks
   * a rule only with it. Give it to the client together with the form. It ends 15 minutes after
   * `expiresAt`, and 2 hours after it was made at the latest. Undefined where there is neither
   * `ticketKey` nor an AppSecret.
   */
  readonly ticket: string | undefined;
}

/** The window of a signature, where it names none: what all samples show. */
const USUAL_WINDOW_MS = 900_000;
/** The last time that a `Date` can hold. */
const LAST_TIME_MS = 8.64e15;

/**
 * Makes a form for one file. A path that is empty or ends in a slash is completed at random.
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
  const link = await operations.run('creating a form', options, signal =>
    retry(() => requestUploadLink(context, cloudPath, signal), instance.retry, signal, isTransient),
  );
  const expiresAt = readExpiry(link.signature);
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

/**
 * `q-sign-time=<start>;<end>`, in seconds.
 * @see https://cloud.tencent.com/document/product/436/7778
 */
function readExpiry(signature: string): Date {
  const [, end] = /[?&]?q-sign-time=\d+;(\d+)/.exec(signature) ?? [];
  const endMs = Number(end ?? Number.NaN) * 1_000;
  return new Date(endMs <= LAST_TIME_MS ? endMs : Date.now() + USUAL_WINDOW_MS);
}
