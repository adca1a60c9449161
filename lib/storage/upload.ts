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
import { CosUpload } from './cos-upload.js';
import type { PostObjectOutcome } from './cos/post-object-result.js';
import { postObject } from './cos/post-object.js';
import type { StorageContext } from './storage-context.js';

/**
 * Requests an upload link for one object from WeChat, and checks that it is for this path, and for
 * the environment and bucket of the instance.
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

/** The form contains a signature and a security token, so its transport must be private. */
function assertPrivate(address: URL): void {
  if (address.protocol === 'https:' || isLoopback(address)) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${UPLOAD_LINK_ENDPOINT}: the link is not https:, so nothing was sent to it. Check any gateway in between.`,
    endpoint: UPLOAD_LINK_ENDPOINT,
  });
}

/**
 * Uploads one object: requests a link, then posts the form. A transient failure is repeated with a
 * fresh link as long as the body can be read again. After an unclear outcome at COS the object is
 * uploaded again to the same path. After the last attempt it is deleted if the path is unique, and
 * otherwise reported.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_UPLOAD_REJECTED`, and errors of calls and bodies
 */
export async function uploadObject(
  context: StorageContext,
  call: UploadObjectCall,
): Promise<WxCloudStoredFile> {
  if (context.storeObject !== undefined) return context.storeObject(call);
  const { cos } = context;
  const direct = cos === undefined ? undefined : new CosUpload(context, cos, call);
  const upload = new ObjectUpload(context, call);
  const { env } = context.options;
  const { size } = call.body;
  try {
    return await publishOutcome<WxCloudStoredFile, WxCloudUploadEvent>(
      uploadChannel,
      async () => (await direct?.run()) ?? (await upload.run()),
      () => ({ env, size, tries: (direct?.tries ?? 0) + upload.tries }),
    );
  } catch (error) {
    await direct?.cleanUp();
    await upload.cleanUp();
    throw error;
  }
}

interface SentObject {
  readonly outcome: PostObjectOutcome;
  /** The file ID of the link. */
  readonly fileId: string;
}

/** The attempts of one upload, and the object that they may have left. */
class ObjectUpload {
  readonly #context: StorageContext;
  readonly #call: UploadObjectCall;
  readonly #report: ((transferredBytes: number) => void) | undefined;
  #leftover: UploadLink | undefined;
  #isOpened = false;
  #tries = 0;

  /** Number of attempts to send the object. */
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

  /** Deletes or reports an object that an attempt may have stored. */
  async cleanUp(): Promise<void> {
    if (this.#leftover === undefined) return;
    const { fileId } = this.#leftover;
    const { isPathUnique } = this.#call;
    await deleteLeftovers(this.#context, [{ fileId, isPathUnique }]);
  }

  /**
   * Sends the object once. The repeat of a refused form does not count as an attempt, as the
   * refusal is not transient.
   */
  async #attempt(): Promise<WxCloudStoredFile> {
    const { contentTypeField: field } = this.#context;
    const withType = field.decide();
    const first = await this.#send(withType);
    const isWorthIt = !first.outcome.isStored && first.outcome.isFormRefused && withType;
    if (!isWorthIt || !this.#canSend()) return this.#finish(first, withType);
    // If the storage has accepted the field before, the refusal has another reason: keep the type.
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
      // Cached links may return the old content.
      this.#context.linkCache.forget(link.fileId);
    }
    return { outcome, fileId: link.fileId };
  }

  /**
   * Checks the outcome. The caller may have aborted while the response was pending, and would never
   * know of the object.
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
   * Counts the bytes of one attempt. The last ones are reported after the storage has confirmed
   * them.
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

/** An upload of a body to a given path. */
interface UploadToPathCall {
  /** The content. */
  readonly from: SourceInput;
  /** The path; checked before the body is read. */
  readonly cloudPath: string;
  /** The media type; undefined detects it from the first bytes. */
  readonly contentType: string | undefined;
  /** The media type when detection finds none. */
  readonly fallbackType: string;
  /**
   * True when the application guarantees that nothing else is ever stored at the path.
   * @defaultValue false
   */
  readonly uniquePath?: boolean | undefined;
  /**
   * Properties that only a request to the bucket can store.
   * @defaultValue none
   */
  readonly properties?: UploadObjectCall['properties'];
  /**
   * Receives the progress of the transfer to the storage.
   * @defaultValue none
   */
  readonly onProgress?: ProgressOptions['onProgress'];
  /** Ends the call. */
  readonly signal: AbortSignal;
}

/**
 * Uploads a body to a given path.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`, `WX_CLOUD_ARGUMENT_INVALID`, and as
 * {@link openSource} and {@link uploadObject} do
 */
export async function uploadToPath(
  context: StorageContext,
  {
    from,
    cloudPath,
    uniquePath: isPathUnique = false,
    properties,
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
    const call = { cloudPath, contentType, isPathUnique, properties, body, onProgress, signal };
    return await uploadObject(context, call);
  } finally {
    await source.dispose();
  }
}

/**
 * Checks the option `uniquePath`.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`
 */
export function assertUniquePath(uniquePath: unknown): void {
  if (typeof uniquePath === 'boolean') return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: 'uniquePath must be true or false. Leave it out unless your paths are unique.',
  });
}

/**
 * Checks a media type, as it becomes a header of every download.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`
 */
export function assertContentType(contentType: string | undefined): void {
  if (contentType === undefined) return;
  if (typeof contentType === 'string' && parseMediaType(contentType) !== undefined) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      'upload: contentType must be a media type such as image/png. Leave it out for detection.',
  });
}
