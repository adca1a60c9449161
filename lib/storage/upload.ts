import { detectContentType, parseMediaType, UNKNOWN_CONTENT_TYPE } from '../body/content-type.js';
import { openSource, type SourceInput } from '../body/open-source.js';
import { assertNothingLost, type OpenedSource, type PassingContent } from '../body/upload-body.js';
import { channels, trace } from '../diagnostics.js';
import { WxCloudStorageError } from '../errors/errors.js';
import { assertCloudPath } from '../file-id/cloud-path.js';
import { retry } from '../operations/retry.js';
import { isTransient } from '../wechat/api-errors.js';
import type { UploadLink } from '../wechat/endpoints.js';
import {
  countAttempt,
  type ProgressOptions,
  reportProgress,
  type UploadEvent,
  type WxCloudStoredFile,
  type UploadObjectCall,
} from './call-options.js';
import { deleteLeftovers, type Leftover } from './clean-up.js';
import { type StreamUploadCall, uploadStream } from './cos-stream-upload.js';
import { CosUpload } from './cos-upload.js';
import type { PostObjectOutcome } from './cos/post-object-result.js';
import { postObject } from './cos/post-object.js';
import { settleStored } from './settle-stored.js';
import type { StorageContext } from './storage-context.js';
import { requestUploadLink } from './upload-link.js';
import { explainRefusal } from './upload-properties.js';

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
  const { body, ahead, event } = call;
  try {
    if (ahead === undefined && body.isReplayable) assertNothingLost(body.size, body.countedBytes);
    let stored = await direct?.run();
    if (stored === undefined) {
      if (direct !== undefined) upload.takeOver(direct.handOver());
      stored = await upload.run();
    }
    assertNothingLost(stored.size, body.countedBytes);
    return stored;
  } catch (error) {
    await direct?.cleanUp();
    await upload.cleanUp();
    throw error;
  } finally {
    ahead?.body.close();
    if (event !== undefined) {
      event.size = upload.size;
      event.tries += (direct?.tries ?? 0) + upload.tries;
    }
  }
}

/**
 * Runs the upload of one file and traces it, unless something in place of the storage stores it.
 * `work` passes the event on to the call that stores the object.
 */
export function traceUpload<T>(
  { options, cos, isStorageReplaced }: StorageContext,
  work: (event: UploadEvent | undefined) => Promise<T>,
): Promise<T> {
  if (isStorageReplaced?.() === true) return work(undefined);
  const describe = () => ({ env: options.env, size: 0, tries: 0 });
  // Only file IDs for a bucket are signed for several uploads at once.
  return trace(channels.upload, describe, work, cos !== undefined);
}

interface SentObject {
  readonly outcome: PostObjectOutcome;
  /** The file ID of the link. */
  readonly fileId: string;
}

/** The attempts of one upload, and the objects that they may have left. */
class ObjectUpload {
  readonly #context: StorageContext;
  #call: UploadObjectCall;
  readonly #report: ((transferredBytes: number) => void) | undefined;
  #earlyLink: UploadObjectCall['earlyLink'];
  readonly #leftovers = new Map<string, Leftover>();
  /** Files that the ledger knows. */
  readonly #recorded = new Set<string>();
  #isOpened = false;
  #isTypeRefused = false;
  #isBodyLost = false;
  #tries = 0;

  /** Number of attempts to send the object. */
  get tries(): number {
    return this.#tries;
  }

  /** Number of bytes of the object; the predicted number until the content has arrived. */
  get size(): number {
    const { body, ahead } = this.#call;
    return body.size + (ahead?.body.extraBytes ?? 0);
  }

  constructor(context: StorageContext, call: UploadObjectCall) {
    this.#context = context;
    this.#call = call;
    this.#earlyLink = call.earlyLink;
    const { onProgress } = call;
    // The size may turn out to be another one than predicted.
    const onBytes =
      onProgress &&
      ((progress: { readonly transferredBytes: number }) =>
        onProgress({ ...progress, totalBytes: this.size }));
    this.#report = onBytes && reportProgress(context.warnings, onBytes, call.body.size);
  }

  async run(): Promise<WxCloudStoredFile> {
    const stored = await retry(
      () => this.#attempt(),
      this.#context.options.retry,
      this.#call.signal,
      error => isTransient(error) && this.#canSend(),
    );
    this.#recorded.delete(stored.fileId);
    // The path of a file that was sent ahead may have changed.
    if (this.#recorded.size > 0) await this.#forgetRecorded();
    return stored;
  }

  /** Takes over what attempts on another way have recorded, and may have left. */
  takeOver({ recorded, leftovers }: ReturnType<CosUpload['handOver']>): void {
    for (const fileId of recorded) this.#recorded.add(fileId);
    for (const leftover of leftovers) this.#leftovers.set(leftover.fileId, leftover);
  }

  /** Deletes or reports objects that attempts may have stored. */
  async cleanUp(): Promise<void> {
    if (this.#leftovers.size > 0)
      await deleteLeftovers(this.#context, [...this.#leftovers.values()]);
    for (const fileId of this.#leftovers.keys()) this.#recorded.delete(fileId);
    await this.#forgetRecorded();
  }

  /** Has the ledger forget the files that were not stored; a sweep finds those that may be. */
  async #forgetRecorded(): Promise<void> {
    const { pending } = this.#context;
    const left = [...this.#recorded].filter(fileId => this.#leftovers.has(fileId));
    await Promise.all([
      pending?.forget([...this.#recorded].filter(fileId => !this.#leftovers.has(fileId))),
      left.length > 0 && pending?.orphan(left),
    ]);
  }

  /**
   * Sends the object once. What was sent ahead is sent again without being an attempt of its own,
   * unless the storage has failed.
   */
  async #attempt(): Promise<WxCloudStoredFile> {
    const { ahead } = this.#call;
    if (ahead === undefined) return this.#attemptWhole();
    const stored = ahead.body.canOpen ? await this.#attemptAhead() : undefined;
    if (stored !== undefined) return stored;
    await this.#completeBody(ahead);
    return this.#isTypeRefused ? this.#repeatRefused() : this.#attemptWhole();
  }

  /** Sends the content while it arrives. Resolves with undefined when it has to be sent whole. */
  async #attemptAhead(): Promise<WxCloudStoredFile | undefined> {
    const { contentTypeField: field } = this.#context;
    const { ahead } = this.#call;
    this.#tries += 1;
    const link = await this.#requestLink();
    if (ahead?.body.canOpen !== true) {
      // All of it has arrived meanwhile, and nothing was sent.
      this.#tries -= 1;
      return undefined;
    }
    const withType = field.decide();
    const { body } = ahead;
    const sent = await this.#post(link, withType, body.signal);
    const { outcome } = sent;
    if (outcome.isStored) return this.#finish(sent, withType);
    if (body.isAbandoned) return undefined;
    this.#earlyLink = undefined;
    body.close();
    this.#isTypeRefused = outcome.isFormRefused && withType && !field.isAccepted;
    // A form without its last line end may be refused for that.
    const isFormOdd = outcome.isFormRefused && body.extraBytes > 0;
    if (!this.#isTypeRefused && !isFormOdd) throw outcome.error;
    return undefined;
  }

  /** Waits for the rest of the content; from then on all of it is sent. */
  async #completeBody(ahead: NonNullable<UploadObjectCall['ahead']>): Promise<void> {
    ahead.body.close();
    try {
      const whole = await ahead.complete();
      assertNothingLost(whole.body.size, whole.body.countedBytes);
      this.#call = { ...this.#call, ...whole, ahead: undefined };
    } catch (error) {
      this.#isBodyLost = true;
      throw error;
    }
  }

  /**
   * Sends the whole object once. The repeat of a refused form does not count as an attempt, as the
   * refusal is not transient.
   */
  async #attemptWhole(): Promise<WxCloudStoredFile> {
    const withType = this.#context.contentTypeField.decide();
    const first = await this.#send(withType);
    const isWorthIt = !first.outcome.isStored && first.outcome.isFormRefused && withType;
    if (!isWorthIt || !this.#canSend()) return this.#finish(first, withType);
    return this.#repeatRefused();
  }

  /** Sends the object again after a form with its type was refused. */
  async #repeatRefused(): Promise<WxCloudStoredFile> {
    const { contentTypeField: field } = this.#context;
    this.#isTypeRefused = false;
    // If the storage has accepted the field before, the refusal has another reason: keep the type.
    const repeatsWithType = field.isAccepted;
    const stored = this.#finish(await this.#send(repeatsWithType), repeatsWithType);
    if (!repeatsWithType) field.blame(this.#call.cloudPath);
    return stored;
  }

  async #send(withType: boolean): Promise<SentObject> {
    const { signal } = this.#call;
    signal.throwIfAborted();
    this.#tries += 1;
    const link = await this.#requestLink();
    this.#earlyLink = undefined;
    return this.#post(link, withType, signal);
  }

  async #requestLink(): Promise<UploadLink> {
    const { cloudPath, signal } = this.#call;
    const early = this.#earlyLink?.linkFor(cloudPath);
    try {
      const link = await (early ?? requestUploadLink(this.#context, cloudPath, signal));
      await this.#record(link.fileId);
      return link;
    } catch (error) {
      this.#earlyLink = undefined;
      throw error;
    }
  }

  async #record(fileId: string): Promise<void> {
    const { pending } = this.#context;
    if (pending === undefined || !this.#call.isPathUnique) return;
    this.#recorded.add(fileId);
    await pending.record(fileId);
  }

  async #post(link: UploadLink, withType: boolean, signal: AbortSignal): Promise<SentObject> {
    const { cloudPath, body, isPathUnique } = this.#call;
    this.#isOpened = true;
    const contentType = withType ? this.#call.contentType : undefined;
    const { transport, budget, options } = this.#context;
    const { verifyEtag } = options.upload;
    const onBytes = countAttempt(this.#report, () => this.size);
    const form = { link, cloudPath, contentType, body };
    const outcome = await postObject(transport, { ...form, verifyEtag, budget, onBytes, signal });
    if (outcome.isStored || outcome.mayExist) {
      const { fileId } = link;
      this.#leftovers.set(fileId, { fileId, isPathUnique });
      if (!outcome.isStored && isPathUnique) this.#context.pending?.expectLate(fileId);
      this.#context.linkCache.forgetReplaced(fileId, isPathUnique);
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
    const { cloudPath } = this.#call;
    const { size } = this;
    this.#report?.(size);
    const contentType = withType ? this.#call.contentType : UNKNOWN_CONTENT_TYPE;
    return { fileId, cloudPath, size, contentType, etag: outcome.etag };
  }

  #canSend(): boolean {
    return !this.#isBodyLost && (this.#call.body.isReplayable || !this.#isOpened);
  }
}

/**
 * Uploads a source that was opened: while it arrives, where there is a way for that, and otherwise
 * after its end.
 * @throws {@link WxCloudStorageError} as {@link uploadObject} does, and for a source that fails
 */
export async function storeSource(
  context: StorageContext,
  source: OpenedSource,
  call: Omit<StreamUploadCall, keyof PassingContent>,
): Promise<WxCloudStoredFile> {
  const { cos } = context;
  const storeWhole = (whole: UploadObjectCall) => uploadObject(context, whole);
  const isPassedOn = cos !== undefined && context.isStorageReplaced?.() !== true;
  const passing = isPassedOn ? source.takePassing?.() : undefined;
  if (cos !== undefined && passing !== undefined) {
    return uploadStream(context, cos, { ...call, ...passing }, storeWhole);
  }
  const { untilWanted: _wanted, ...object } = call;
  return uploadObject(context, { ...object, body: await source.complete() });
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
 * Uploads a body to a given path. At a unique path the file is still recorded as pending.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`, `WX_CLOUD_ARGUMENT_INVALID`, and as
 * {@link openSource}, {@link uploadObject} and {@link explainRefusal} do
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
  // The reading of the source and the advice in errors belong to the upload, and so to its event.
  return traceUpload(context, async event => {
    const source = await openSource(from, context, signal);
    try {
      const shown = given === undefined ? await detectContentType(source.head) : undefined;
      const contentType = given ?? shown?.contentType ?? fallbackType;
      const call = { cloudPath, contentType, isPathUnique, properties, onProgress, signal, event };
      return await explainRefusal(properties, storeSource(context, source, call));
    } finally {
      await source.dispose();
    }
  });
}

/**
 * Uploads a body to a given path for a caller who owns the file from then on.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_PENDING_LOST`, and as {@link uploadToPath} does
 */
export async function uploadForCaller(
  context: StorageContext,
  call: UploadToPathCall,
): Promise<WxCloudStoredFile> {
  const stored = await uploadToPath(context, call);
  if (call.uniquePath === true) await settleStored(context, stored.fileId, call.signal);
  return stored;
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
