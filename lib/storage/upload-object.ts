import type { UploadBody } from '../body/index.js';
import { isRetryable, retry } from '../transport/index.js';
import type { UploadLink } from '../wire/index.js';
import { removeLeftover } from './remove-leftover.js';
import { isFormRefusal, postObject } from './post-object.js';
import type { StorageContext } from './storage-context.js';
import { requestUploadLink } from './upload-link.js';

/** An object that is in the storage. */
export interface StoredCloudFile {
  /** `cloud://env.bucket/path`: what to keep, and to hand to mini programs. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /** How many bytes were stored. */
  readonly size: number;
  /** The media type it was stored with. */
  readonly contentType: string;
  /** The ETag that COS answered, without quotes: the MD5 of the content. */
  readonly etag: string;
}

/** One upload. */
export interface UploadObjectCall {
  /** Where to store it; valid. */
  readonly cloudPath: string;
  /** What to store; stays the caller's to dispose of. */
  readonly body: UploadBody;
  /** Its media type. */
  readonly contentType: string;
  /** Whether nothing else can have been stored at the path, as when it was made up at random. */
  readonly isPathUnique: boolean;
  /** Ends the upload. */
  readonly signal: AbortSignal;
}

/**
 * Stores one object: a link, then the form. A transient failure is repeated with a fresh link as long as the body can be
 * read again; where it is not known what COS did, the object is uploaded again to the same path or, after the last
 * try, removed.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_UPLOAD_REJECTED` and all that calls and bodies throw
 */
export async function uploadObject(
  context: StorageContext,
  call: UploadObjectCall,
): Promise<StoredCloudFile> {
  const upload = new ObjectUpload(context, call);
  try {
    return await upload.run();
  } catch (error) {
    await upload.cleanUp();
    throw error;
  }
}

/** The tries of one upload, and what they may have left in the storage. */
class ObjectUpload {
  readonly #context: StorageContext;
  readonly #call: UploadObjectCall;
  #leftover: UploadLink | undefined;
  #isOpened = false;

  constructor(context: StorageContext, call: UploadObjectCall) {
    this.#context = context;
    this.#call = call;
  }

  async run(): Promise<StoredCloudFile> {
    const { options } = this.#context;
    return retry(() => this.#attempt(), {
      policy: options.retry,
      signal: this.#call.signal,
      isRetryable: error => isRetryable(error) && this.#canSend(),
    });
  }

  /** Removes what a try may have stored; what cannot be removed is reported. */
  async cleanUp(): Promise<void> {
    if (this.#leftover !== undefined) {
      await removeLeftover(this.#context, { ...this.#call, fileId: this.#leftover.fileId });
    }
  }

  /** A repeat that only leaves the extra field out is not one of the tries: nothing was transient about the refusal. */
  async #attempt(): Promise<StoredCloudFile> {
    const { contentTypeField } = this.#context;
    const withType = contentTypeField.isSent;
    try {
      return await this.#send(withType);
    } catch (error) {
      if (!isFormRefusal(error) || !contentTypeField.suspect(withType) || !this.#canSend())
        throw error;
    }
    return this.#send(false);
  }

  async #send(withType: boolean): Promise<StoredCloudFile> {
    const { cloudPath, body, contentType, signal } = this.#call;
    const link = await requestUploadLink(this.#context, cloudPath, signal);
    this.#isOpened = true;
    const sent = withType ? contentType : undefined;
    const outcome = await postObject(this.#context, {
      link,
      cloudPath,
      body,
      contentType: sent,
      signal,
    });
    if (!outcome.isStored) {
      if (outcome.mayExist) this.#leftover = link;
      throw outcome.error;
    }
    this.#leftover = link;
    signal.throwIfAborted();
    this.#context.contentTypeField.confirm(withType);
    const { fileId } = link;
    return { fileId, cloudPath, size: body.size, contentType, etag: outcome.etag };
  }

  #canSend(): boolean {
    return this.#call.body.isReplayable || !this.#isOpened;
  }
}
