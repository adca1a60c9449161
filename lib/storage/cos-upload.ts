import { WxCloudStorageError } from '../errors/errors.js';
import { retry } from '../operations/retry.js';
import { isTransient } from '../wechat/api-errors.js';
import {
  countAttempt,
  reportProgress,
  type UploadObjectCall,
  type WxCloudStoredFile,
} from './call-options.js';
import { deleteLeftovers, type Leftover } from './clean-up.js';
import type { CosAccess } from './cos-access.js';
import { isAccessDenied } from './cos/cos-error.js';
import { toFileId } from './direct-access.js';
import type { StorageContext } from './storage-context.js';
import { assertConditionHeld } from './upload-properties.js';

/**
 * The attempts to upload one object to the bucket in one request, and the object that they may have
 * left.
 */
export class CosUpload {
  readonly #context: StorageContext;
  readonly #cos: CosAccess;
  readonly #call: UploadObjectCall;
  readonly #fileId: string;
  readonly #report: ((transferredBytes: number) => void) | undefined;
  #metaId: string | undefined;
  #isRecorded = false;
  #mayExist = false;
  #isOpened = false;
  #tries = 0;

  /** Sends nothing yet. */
  constructor(context: StorageContext, cos: CosAccess, call: UploadObjectCall) {
    this.#context = context;
    this.#cos = cos;
    this.#call = call;
    this.#fileId = toFileId(context, call.cloudPath);
    const { onProgress, body } = call;
    this.#report = onProgress && reportProgress(context.warnings, onProgress, body.size);
  }

  /** Number of attempts to send the object. */
  get tries(): number {
    return this.#tries;
  }

  /**
   * Uploads the object. Resolves with undefined where the keys lack the right to it, and the object
   * can be sent as a form instead; this is remembered.
   */
  async run(): Promise<WxCloudStoredFile | undefined> {
    const { options } = this.#context;
    const { rights } = this.#cos;
    const { signal, properties } = this.#call;
    const hasOtherWay = properties === undefined;
    if (hasOtherWay && rights.isDenied('put')) return undefined;
    const mayRetry = (error: unknown): boolean => isTransient(error) && this.#canSend();
    try {
      return await retry(() => this.#attempt(), options.retry, signal, mayRetry);
    } catch (error) {
      if (!isDenied(error)) throw error;
      rights.deny('put');
      if (!hasOtherWay || !this.#canSend()) throw error;
      return undefined;
    }
  }

  /**
   * Leaves to the caller what was recorded, and what attempts may have stored; the clean-up has
   * nothing to do then.
   */
  handOver(): { readonly recorded: readonly string[]; readonly leftovers: readonly Leftover[] } {
    const fileId = this.#fileId;
    const { isPathUnique } = this.#call;
    const leftovers = this.#mayExist ? [{ fileId, isPathUnique }] : [];
    const recorded = this.#isRecorded ? [fileId] : [];
    this.#mayExist = false;
    this.#isRecorded = false;
    return { recorded, leftovers };
  }

  /** Deletes or reports an object that an attempt may have stored. */
  async cleanUp(): Promise<void> {
    const { recorded, leftovers } = this.handOver();
    if (leftovers.length > 0) await deleteLeftovers(this.#context, leftovers);
    else await this.#context.pending?.forget(recorded);
  }

  async #attempt(): Promise<WxCloudStoredFile> {
    const { cloudPath, contentType, body, properties, signal } = this.#call;
    signal.throwIfAborted();
    this.#tries += 1;
    const recording = this.#record();
    this.#metaId ??= await (this.#call.metaId ??
      this.#cos.metaIds.encode(cloudPath, properties?.openid ?? '', signal));
    await recording;
    this.#isOpened = true;
    const outcome = await this.#cos.bucket.putObject({
      key: cloudPath,
      headers: {
        ...properties?.headers,
        'content-type': contentType,
        'x-cos-meta-fileid': this.#metaId,
      },
      size: body.size,
      open: () => body.open(signal),
      isReplayable: body.isReplayable,
      onBytes: countAttempt(this.#report, () => body.size),
      signal,
    });
    if (outcome.isStored || outcome.mayExist) {
      this.#mayExist = true;
      if (!outcome.isStored && this.#isRecorded) this.#context.pending?.expectLate(this.#fileId);
      this.#context.linkCache.forgetReplaced(this.#fileId, this.#call.isPathUnique);
    }
    if (!outcome.isStored) throw outcome.error;
    assertConditionHeld(this.#cos, properties, outcome.header);
    // The caller may have aborted while the response was pending, and would not know of the object.
    signal.throwIfAborted();
    this.#report?.(body.size);
    const { etag } = outcome;
    return { fileId: this.#fileId, cloudPath, size: body.size, contentType, etag };
  }

  async #record(): Promise<void> {
    const { pending } = this.#context;
    if (pending === undefined || !this.#call.isPathUnique) return;
    this.#isRecorded = true;
    await pending.record(this.#fileId);
  }

  #canSend(): boolean {
    return this.#call.body.isReplayable || !this.#isOpened;
  }
}

/** True when COS has denied the upload, and not WeChat the signature of its file ID. */
function isDenied(error: unknown): boolean {
  const isFromCos =
    error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_UPLOAD_REJECTED';
  return isFromCos && isAccessDenied(error);
}
