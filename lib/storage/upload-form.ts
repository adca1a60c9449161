import { assertCloudPath, generateCloudPath } from '../file-id/index.js';
import type { CallOptions } from './call-options.js';
import { toFormFields } from './form-fields.js';
import { repeat } from './repeat.js';
import type { StorageContext } from './storage-context.js';
import { assertContentType } from './store-source.js';
import { requestUploadLink } from './upload-link.js';

/** What a form for a client is made with. */
export interface UploadFormOptions extends CallOptions {
  /**
   * The media type that the object is stored with, whatever the client sends. @defaultValue none: the object is stored as
   * `application/octet-stream`
   */
  readonly contentType?: string | undefined;
  /** The extension of a path that is made up, without the dot, e.g. `png`. @defaultValue none */
  readonly extension?: string | undefined;
}

/**
 * What a client needs to post one file straight to the storage. Whoever has it can store a file at its path, and replace
 * it, until `expiresAt`: give it to that client alone, and do not log it.
 */
export interface UploadForm {
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
}

/** The window of a signature, where it names none: what all samples show. */
const USUAL_WINDOW_MS = 900_000;

/**
 * Makes a form for one file. A path that is empty or ends in a slash is completed at random.
 * @see https://cloud.tencent.com/document/api/436/14690
 */
export async function createUploadForm(
  context: StorageContext,
  path: string,
  options: UploadFormOptions,
): Promise<UploadForm> {
  const { contentType, extension } = options;
  assertContentType(contentType);
  const isPrefix = path === '' || (typeof path === 'string' && path.endsWith('/'));
  const cloudPath = isPrefix ? generateCloudPath({ prefix: path, extension }) : path;
  assertCloudPath(cloudPath);
  const { contentTypeField, operations } = context;
  const link = await operations.run('creating a form', options, signal =>
    repeat(context, { work: () => requestUploadLink(context, cloudPath, signal), signal }),
  );
  const sentType = contentTypeField.isSent ? contentType : undefined;
  return {
    url: link.url,
    fields: toFormFields({ link, cloudPath, contentType: sentType }),
    fileId: link.fileId,
    cloudPath,
    expiresAt: readExpiry(link.signature),
  };
}

/** `q-sign-time=<start>;<end>`, in seconds. @see https://cloud.tencent.com/document/product/436/7778 */
function readExpiry(signature: string): Date {
  const [, end] = /[?&]?q-sign-time=\d+;(\d+)/.exec(signature) ?? [];
  return new Date(end === undefined ? Date.now() + USUAL_WINDOW_MS : Number(end) * 1_000);
}
