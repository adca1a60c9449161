import type { BodyPart, BodyParts } from '../body/body-parts.js';
import { assertNothingLost, type UploadBody } from '../body/upload-body.js';
import { FileTooLargeError, UploadRejectedError, WxCloudStorageError } from '../errors/errors.js';
import { createSharedController, untilAborted } from '../operations/deadline.js';
import { pauseBeforeRetry, retry } from '../operations/retry.js';
import { neverConnected } from '../transport/connection-error.js';
import { isTransient } from '../wechat/api-errors.js';
import type { UploadObjectCall } from './call-options.js';
import { deleteLeftovers } from './clean-up.js';
import type { CosAccess } from './cos-access.js';
import { isAccessDenied, readCosCode } from './cos/cos-error.js';
import { MOST_PARTS } from './cos/part-sizes.js';
import type { ConfirmedPart, ObjectHeaders, PutObjectOutcome } from './cos/put-object.js';
import type { StorageContext } from './storage-context.js';
import { assertConditionHeld } from './upload-properties.js';

/** Time limit for aborting an upload that has failed, in milliseconds. */
const ABORT_MS = 10_000;
/** Dates of COS have no fractions of a second. */
const DATE_STEP_MS = 1_000;

/** An object that is uploaded in parts. */
interface PartsUploadCall {
  /** The path. */
  readonly cloudPath: string;
  /** The file ID that the object will have. */
  readonly fileId: string;
  /** The headers of the object, its signed file ID included. */
  readonly headers: Promise<ObjectHeaders>;
  /** Properties of the object; its condition has to hold. */
  readonly properties: UploadObjectCall['properties'];
  /** True when only this upload can store at the path. */
  readonly isPathUnique: boolean;
  /** See {@link UploadBody.countedBytes}. */
  readonly countedBytes: UploadBody['countedBytes'];
  /** Receives the number of confirmed bytes; may be undefined. */
  readonly onBytes: ((count: number) => void) | undefined;
  /**
   * Resolves when the last part may be sent; rejects where the object must not be stored.
   * @defaultValue at once
   */
  readonly untilWanted?: (() => Promise<unknown>) | undefined;
  /** Ends the upload. */
  readonly signal: AbortSignal;
}

/** The outcome of an upload in parts. */
export type PartsOutcome =
  | { readonly etag: string; readonly size: number }
  | {
      /** The keys lack the right to it. These parts, and what follows them, were not stored. */
      readonly denied: readonly BodyPart[];
    };

/** An object that was completed from parts. */
type CompletedObject = Pick<Extract<PutObjectOutcome, { isStored: true }>, 'etag' | 'header'>;

/** Uploads one object in parts while they arrive, two at a time, or one of many uploads. */
export class PartsUpload {
  readonly #context: StorageContext;
  readonly #cos: CosAccess;
  readonly #call: PartsUploadCall;
  readonly #parts: BodyParts;
  readonly #stored: ConfirmedPart[] = [];
  /** Parts that COS has not confirmed. */
  readonly #held = new Set<BodyPart>();
  readonly #sending = new Set<Promise<void>>();
  readonly #controller = createSharedController();
  #starting: Promise<void> | undefined;
  #reading: Promise<void> | undefined;
  #uploadId: string | undefined;
  #startedAt: Date | undefined;
  /** True when COS may have begun an upload without its ID having arrived here. */
  #mayHaveLostId = false;
  #size = 0;
  #isRecorded = false;
  #mayExist = false;
  #isDisposed = false;

  /** Sends nothing yet. */
  constructor(context: StorageContext, cos: CosAccess, parts: BodyParts, call: PartsUploadCall) {
    this.#context = context;
    this.#cos = cos;
    this.#parts = parts;
    this.#call = call;
  }

  /** Number of bytes that COS has confirmed. */
  get size(): number {
    return this.#size;
  }

  /**
   * Uploads the object, whose first part has arrived. After a failure, {@link PartsUpload.cleanUp}
   * removes what was stored.
   */
  async run(first: BodyPart): Promise<PartsOutcome> {
    const { signal } = this.#call;
    const onAbort = (): void => this.#controller.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#held.add(first);
    try {
      signal.throwIfAborted();
      this.#starting = this.#start();
      await this.#sendAll(first);
      assertNothingLost(this.#size, this.#call.countedBytes);
      const { etag, header } = await this.#complete();
      assertConditionHeld(this.#cos, this.#call.properties, header);
      // The caller would not know of the object.
      signal.throwIfAborted();
      this.#uploadId = undefined;
      await this.#abortLost();
      return { etag, size: this.#size };
    } catch (error) {
      this.#controller.abort(error);
      await Promise.allSettled([this.#starting, ...this.#sending]);
      if (!isAccessDenied(error)) throw error;
      this.#cos.rights.deny('multipart');
      if (this.#stored.length > 0 || signal.aborted) throw error;
      await this.#reading;
      return { denied: [...this.#held] };
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Releases the parts in memory, and the one that is being read once it was. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    await Promise.all([...this.#held].map(part => part.dispose()));
    this.#held.clear();
  }

  /**
   * Aborts the upload, so that its parts are not kept and billed, and deletes or reports the object
   * where it may exist. Never rejects.
   */
  async cleanUp(): Promise<void> {
    const { fileId, isPathUnique } = this.#call;
    const uploadId = this.#uploadId;
    this.#uploadId = undefined;
    if (uploadId !== undefined) await this.#runAbort(signal => this.#abort(uploadId, signal));
    await this.#abortLost();
    if (this.#mayExist) await deleteLeftovers(this.#context, [{ fileId, isPathUnique }]);
    else if (this.#isRecorded) await this.#context.pending?.forget([fileId]);
  }

  /**
   * Aborts uploads to the path whose IDs are unknown. At a path that is not unique they may belong
   * to others, so a warning leaves them to `sweepUnfinishedUploads`.
   */
  async #abortLost(): Promise<void> {
    const { cloudPath, isPathUnique } = this.#call;
    if (!this.#mayHaveLostId) return;
    this.#mayHaveLostId = false;
    if (!isPathUnique) {
      return this.#warn('may remain', 'its ID was lost, and others may upload to the path.');
    }
    await this.#runAbort(async signal => {
      const { uploads } = await this.#cos.bucket.listMultipartUploads(
        { prefix: cloudPath },
        signal,
      );
      for (const { key, uploadId } of uploads) {
        if (key === cloudPath) await this.#abort(uploadId, signal);
      }
    });
  }

  async #runAbort(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { operations } = this.#context;
    try {
      await operations.runCleanup('aborting an upload in parts', ABORT_MS, work);
    } catch (error) {
      this.#warn('remain', `the upload could not be aborted: ${textOf(error)}`);
    }
  }

  #warn(fate: 'remain' | 'may remain', reason: string): void {
    const { cloudPath } = this.#call;
    this.#context.logger.warn(
      `Parts of a failed upload to "${cloudPath}" ${fate} in the bucket until sweepUnfinishedUploads removes them, as ${reason}`,
    );
  }

  async #abort(uploadId: string, signal: AbortSignal): Promise<void> {
    const { bucket, rights } = this.#cos;
    const work = () => bucket.abortMultipartUpload(this.#call.cloudPath, uploadId, signal);
    try {
      await retry(work, this.#context.options.retry, signal, isTransient);
    } catch (error) {
      if (isAccessDenied(error)) rights.deny('abortUpload');
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { signal } = this.#controller;
    const { cloudPath: key } = this.#call;
    const recording = this.#record();
    const headers = await this.#call.headers;
    await recording;
    const work = async () => {
      try {
        return await this.#cos.bucket.createMultipartUpload({ key, headers, signal });
      } catch (error) {
        // Only a refusal proves that no upload has begun.
        this.#mayHaveLostId ||= !isRefused(error);
        throw error;
      }
    };
    const started = await retry(work, this.#context.options.retry, signal, isTransient);
    this.#uploadId = started.uploadId;
    this.#startedAt = started.startedAt;
  }

  async #record(): Promise<void> {
    const { pending } = this.#context;
    const { fileId, isPathUnique } = this.#call;
    if (pending === undefined || !isPathUnique) return;
    this.#isRecorded = true;
    await pending.record(fileId);
  }

  /**
   * Sends each part as soon as it is whole, and reads the next one meanwhile. The first part is
   * alone until it was stored, as its refusal may be about the right to send any.
   */
  async #sendAll(first: BodyPart): Promise<void> {
    let part = first;
    for (let partNumber = 1; ; partNumber += 1) {
      if (part.isLast) await this.#call.untilWanted?.();
      const sending = this.#send(part, partNumber);
      if (part.isLast) break;
      part = await this.#readWhile(sending, partNumber + 1);
      await this.#untilFree();
    }
    await Promise.all(this.#sending);
  }

  /**
   * Reads the next part; fails as soon as a part cannot be sent. If that is the first one, the
   * reading goes on, as no byte may be lost.
   */
  async #readWhile(sending: Promise<void>, partNumber: number): Promise<BodyPart> {
    if (partNumber > MOST_PARTS) throw tooManyParts(this.#size);
    const reading = this.#parts.next(() => this.#cos.partSizes.sizeOf(partNumber));
    this.#reading = reading.then(part => this.#hold(part));
    this.#reading.catch(() => {});
    await (partNumber === 2
      ? Promise.all([this.#reading, sending])
      : untilAborted(this.#reading, this.#controller.signal));
    return reading;
  }

  async #hold(part: BodyPart): Promise<void> {
    this.#held.add(part);
    // It was not disposed of with the others when the upload failed meanwhile.
    if (this.#isDisposed) await this.dispose();
  }

  /** Waits until another part may be read. */
  async #untilFree(): Promise<void> {
    while (this.#sending.size >= this.#cos.partSizes.inFlight) await Promise.race(this.#sending);
  }

  #send(part: BodyPart, partNumber: number): Promise<void> {
    const sending = this.#sendPart(part, partNumber).finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
    // The error also ends the reading of the next part.
    sending.catch((error: unknown) => this.#controller.abort(error));
    return sending;
  }

  async #sendPart(part: BodyPart, partNumber: number): Promise<void> {
    const { cloudPath: key, onBytes } = this.#call;
    const { signal } = this.#controller;
    // The next part is read meanwhile.
    await this.#starting;
    const uploadId = this.#uploadId ?? '';
    const { size, md5 } = part;
    const open = (): ReturnType<BodyPart['open']> => part.open();
    const work = () =>
      this.#cos.bucket.uploadPart({ key, uploadId, partNumber, size, md5, open, signal });
    this.#stored.push(await retry(work, this.#context.options.retry, signal, isTransient));
    this.#held.delete(part);
    await part.recycle();
    this.#size += size;
    onBytes?.(size);
  }

  /**
   * Completes the upload. COS may join the parts although its response is lost, late or an error.
   * Then the headers of the object tell, or another attempt.
   */
  async #complete(): Promise<CompletedObject> {
    const { retry: policy } = this.#context.options;
    const { cloudPath: key, fileId } = this.#call;
    const { signal } = this.#controller;
    const uploadId = this.#uploadId ?? '';
    const parts = this.#stored.toSorted((left, right) => left.partNumber - right.partNumber);
    const headers = conditionsOf(await this.#call.headers);
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#cos.bucket.completeMultipartUpload({
        key,
        uploadId,
        parts,
        headers,
        signal,
      });
      if (outcome.isStored || outcome.mayExist) {
        this.#mayExist = true;
        this.#context.linkCache.forgetReplaced(fileId, this.#call.isPathUnique);
      }
      const stored = outcome.isStored ? outcome : await this.#findStored(outcome);
      if (stored !== undefined) return stored;
      if (this.#isRecorded && this.#mayExist) this.#context.pending?.expectLate(fileId);
      const error = outcome.isStored ? undefined : outcome.error;
      if (attempt >= policy.attempts || signal.aborted || !isTransient(error)) throw error;
      await pauseBeforeRetry(policy, attempt, signal);
    }
  }

  /** Returns the object if the parts were joined although COS has not said so. */
  async #findStored(
    outcome: Extract<PutObjectOutcome, { isStored: false }>,
  ): Promise<CompletedObject | undefined> {
    const { signal } = this.#controller;
    const isGone = readCosCode(outcome.error) === 'NoSuchUpload';
    if (!this.#mayExist || signal.aborted || !(outcome.mayExist || isGone)) return undefined;
    const { cloudPath, isPathUnique } = this.#call;
    try {
      const headers = await this.#call.headers;
      const head = await this.#cos.bucket.headObject(cloudPath, signal);
      const isSame =
        head.size === this.#size &&
        head.header('x-cos-meta-fileid') === headers['x-cos-meta-fileid'];
      const isNew = isPathUnique || this.#isSince(head.lastModified);
      return isSame && isNew ? head : undefined;
    } catch {
      // Not stored yet, or not known: the caller tries again or gives up.
      return undefined;
    }
  }

  /** True for an object that was stored after this upload began; COS gives both times. */
  #isSince(lastModified: Date | undefined): boolean {
    if (lastModified === undefined || this.#startedAt === undefined) return false;
    return lastModified.getTime() >= this.#startedAt.getTime() - DATE_STEP_MS;
  }
}

/** True when a request has clearly had no effect: it was refused, or never sent. */
function isRefused(error: unknown): boolean {
  if (!(error instanceof UploadRejectedError)) return neverConnected(error);
  const { upstreamStatus = 0, cosCode } = error;
  // A gateway gives up with 5xx, although COS may do what it was asked for.
  return cosCode !== undefined || (upstreamStatus >= 400 && upstreamStatus < 500);
}

/** The conditions among the headers of an object, which completing it has to meet, too. */
function conditionsOf(headers: ObjectHeaders): ObjectHeaders {
  const name = 'x-cos-forbid-overwrite';
  const value = headers[name];
  return value === undefined ? {} : { [name]: value };
}

function tooManyParts(size: number): WxCloudStorageError {
  return new FileTooLargeError({
    subject: 'The body to upload',
    limitBytes: size,
    problem: `has more than ${MOST_PARTS} parts, the most that COS takes, after ${size} bytes; nothing was stored. Raise cos.partBytes.`,
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
