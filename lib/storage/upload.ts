import { detectContentType, parseMediaType, UNKNOWN_CONTENT_TYPE } from '../body/content-type.js';
import { openSource, type SourceInput } from '../body/open-source.js';
import { publishOutcome, uploadChannel, type WxCloudUploadEvent } from '../diagnostics.js';
import { WxCloudStorageError } from '../errors/errors.js';
import { assertCloudPath } from '../file-id/cloud-path.js';
import { retry } from '../operations/retry.js';
import { isLoopback } from '../options/validation.js';
import { isTransient } from '../wechat/api-errors.js';
import {
  decodeUploadLink,
  UPLOAD_LINK_ENDPOINT,
  type UploadLink,
  type UploadLinkRequest,
} from '../wechat/endpoints.js';
import {
  type ProgressOptions,
  reportProgress,
  type WxCloudStoredFile,
  type UploadObjectCall,
} from './call-options.js';
import { deleteLeftovers } from './clean-up.js';
import type { PostObjectOutcome } from './cos/post-object-result.js';
import { postObject } from './cos/post-object.js';
import type { StorageContext } from './storage-context.js';

/**
 * Asks WeChat for a link to upload one object to, and makes sure that it is for this path, and
 * for the instance's environment and bucket.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/upload.html
 */
export async function requestUploadLink(
  { api, options, fileIdScope }: StorageContext,
  cloudPath: string,
  signal: AbortSignal,
): Promise<UploadLink> {
  const body: UploadLinkRequest = { env: options.env, path: cloudPath };
  const link = decodeUploadLink(await api.post(UPLOAD_LINK_ENDPOINT, body, signal));
  assertPrivate(link.address);
  fileIdScope.learnBucket(link.fileId, cloudPath, UPLOAD_LINK_ENDPOINT);
  return link;
}

/** The form carries a signature and a security token. */
function assertPrivate(address: URL): void {
  if (address.protocol === 'https:' || isLoopback(address)) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${UPLOAD_LINK_ENDPOINT}: the link is not https:, so nothing was sent to it. Check any gateway between.`,
    endpoint: UPLOAD_LINK_ENDPOINT,
  });
}

/**
 * Stores one object: a link, then the form. A transient failure is repeated with a fresh link as
 * long as the body can be read again; where it is not known what COS did, the object is uploaded
 * again to the same path. After the last try it is removed where the path is unique, and reported
 * elsewhere.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_UPLOAD_REJECTED` and all that calls and bodies
 * throw
 */
export async function uploadObject(
  context: StorageContext,
  call: UploadObjectCall,
): Promise<WxCloudStoredFile> {
  if (context.storeObject !== undefined) return context.storeObject(call);
  const upload = new ObjectUpload(context, call);
  const { env } = context.options;
  const { size } = call.body;
  try {
    return await publishOutcome<WxCloudStoredFile, WxCloudUploadEvent>(
      uploadChannel,
      () => upload.run(),
      () => ({ env, size, tries: upload.tries }),
    );
  } catch (error) {
    await upload.cleanUp();
    throw error;
  }
}

interface SentObject {
  readonly outcome: PostObjectOutcome;
  /** What the link said. */
  readonly fileId: string;
}

/** The tries of one upload, and what they may have left in the storage. */
class ObjectUpload {
  readonly #context: StorageContext;
  readonly #call: UploadObjectCall;
  readonly #report: ((transferredBytes: number) => void) | undefined;
  #leftover: UploadLink | undefined;
  #isOpened = false;
  #tries = 0;

  /** How often the object was to be sent. */
  get tries(): number {
    return this.#tries;
  }

  constructor(context: StorageContext, call: UploadObjectCall) {
    this.#context = context;
    this.#call = call;
    const { onProgress, body } = call;
    this.#report = onProgress && reportProgress(context.logger, onProgress, body.size);
  }

  run(): Promise<WxCloudStoredFile> {
    return retry(
      () => this.#attempt(),
      this.#context.options.retry,
      this.#call.signal,
      error => isTransient(error) && this.#canSend(),
    );
  }

  /** Removes or reports what a try may have stored. */
  async cleanUp(): Promise<void> {
    if (this.#leftover === undefined) return;
    const { fileId } = this.#leftover;
    const { isPathUnique } = this.#call;
    await deleteLeftovers(this.#context, [{ fileId, isPathUnique }]);
  }

  /**
   * The repeat of a refused form is not one of the tries: nothing was transient about the refusal.
   */
  async #attempt(): Promise<WxCloudStoredFile> {
    const { contentTypeField: field } = this.#context;
    const withType = field.decide();
    const first = await this.#send(withType);
    const isWorthIt = !first.outcome.isStored && first.outcome.isFormRefused && withType;
    if (!isWorthIt || !this.#canSend()) return this.#finish(first, withType);
    // Where the storage is known to take the field, the refusal has another reason: the file keeps
    // its type.
    const repeatsWithType = field.isAccepted;
    const stored = this.#finish(await this.#send(repeatsWithType), repeatsWithType);
    if (!repeatsWithType) field.blame(this.#call.cloudPath);
    return stored;
  }

  async #send(withType: boolean): Promise<SentObject> {
    const { cloudPath, body, signal } = this.#call;
    signal.throwIfAborted();
    this.#tries += 1;
    const link = await requestUploadLink(this.#context, cloudPath, signal);
    this.#isOpened = true;
    const contentType = withType ? this.#call.contentType : undefined;
    const { transport, budget, options } = this.#context;
    const { verifyEtag } = options.upload;
    const onBytes = this.#countBytes();
    const form = { link, cloudPath, contentType, body };
    const outcome = await postObject(transport, { ...form, verifyEtag, budget, onBytes, signal });
    if (outcome.isStored || outcome.mayExist) {
      this.#leftover = link;
      // What links to the path give may have changed.
      this.#context.linkCache.forget(link.fileId);
    }
    return { outcome, fileId: link.fileId };
  }

  /**
   * The caller may have given up while the answer was on its way: then nobody would know of the
   * object.
   */
  #finish({ outcome, fileId }: SentObject, withType: boolean): WxCloudStoredFile {
    if (!outcome.isStored) throw outcome.error;
    this.#call.signal.throwIfAborted();
    if (withType) this.#context.contentTypeField.accept();
    const { cloudPath, body } = this.#call;
    this.#report?.(body.size);
    const contentType = withType ? this.#call.contentType : UNKNOWN_CONTENT_TYPE;
    return { fileId, cloudPath, size: body.size, contentType, etag: outcome.etag };
  }

  /**
   * Counts the bytes of one try; the last ones are reported once the storage has confirmed them.
   */
  #countBytes(): ((count: number) => void) | undefined {
    const report = this.#report;
    if (report === undefined) return undefined;
    let sent = 0;
    report(0);
    return count => {
      sent += count;
      if (sent < this.#call.body.size) report(sent);
    };
  }

  #canSend(): boolean {
    return this.#call.body.isReplayable || !this.#isOpened;
  }
}

/** Where a body goes whose path is known beforehand. */
interface UploadToPathCall {
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
export async function uploadToPath(
  context: StorageContext,
  {
    from,
    cloudPath,
    uniquePath: isPathUnique = false,
    onProgress,
    signal,
    ...type
  }: UploadToPathCall,
): Promise<WxCloudStoredFile> {
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
