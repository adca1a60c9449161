import { createHash, type Hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { captureOperation } from '../diagnostics.js';
import { WxCloudStorageError } from '../errors/errors.js';
import { createSharedController } from '../operations/deadline.js';
import { isRetryable, pauseBeforeRetry } from '../operations/retry.js';
import { type FetchedObject, fetchObject, type ObjectPart, readPart } from './read-object.js';
import type { StorageContext } from './storage-context.js';

/** Options of an object body. */
interface ObjectBodyParts {
  /** The instance. */
  readonly context: StorageContext;
  /** The first response. */
  readonly fetched: FetchedObject;
  /** The part of the object to read. */
  readonly part: ObjectPart;
  /** True to compare the MD5 of the content with the ETag. */
  readonly verifyEtag: boolean;
  /** Receives the number of bytes passed on so far. */
  readonly onProgress: (transferredBytes: number) => void;
  /** Ends the stream with the reason of the signal. */
  readonly signal: AbortSignal;
}

const ignore = (): void => {};

/** Number of bytes that a connection has to transfer to count as progress. */
const PROGRESS_BYTES = 65_536;
/** Maximum number of resumptions, with or without progress. */
const MAX_RESUMPTIONS = 50;

/**
 * The content of an object, or of a part of it, as one stream. After a broken connection, the rest
 * of the same object is requested on a new one. The stream yields all bytes or ends in an error,
 * and reads no faster than its reader.
 */
export class ObjectBody extends Readable {
  readonly #parts: ObjectBodyParts;
  readonly #controller = createSharedController();
  readonly #hash: Hash | undefined;
  readonly #onAbort: () => void;
  readonly #operation = captureOperation();
  #fetched: FetchedObject;
  #reached: number;
  #reachedAtResumption: number;
  #resumptions = 0;
  #breaksInARow = 0;
  #isWanted = false;

  /** Starts paused. */
  constructor(parts: ObjectBodyParts) {
    super();
    const { part, signal, verifyEtag, fetched } = parts;
    this.#parts = parts;
    this.#fetched = fetched;
    this.#reached = part.start;
    this.#reachedAtResumption = part.start;
    this.#hash = verifyEtag ? createHash('md5') : undefined;
    // Before the first read there may be no error listener, and an error must not end the process.
    this.on('error', ignore);
    this.#onAbort = () => void this.destroy(signal.reason as Error);
    signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#attach(fetched, part.skippedBytes);
  }

  /** Number of bytes that have arrived, including those that wait for the reader. */
  get arrivedBytes(): number {
    return this.#reached - this.#parts.part.start;
  }

  /** Called by Node. */
  override _read(): void {
    this.off('error', ignore);
    this.#isWanted = true;
    this.#fetched.response.body.resume();
  }

  /** Called by Node. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#parts.signal.removeEventListener('abort', this.#onAbort);
    this.#controller.abort(error ?? new Error('The stream was destroyed by its reader.'));
    this.#fetched.response.discard();
    callback(error);
  }

  #attach(fetched: FetchedObject, skippedBytes: number): void {
    this.#fetched = fetched;
    const { body } = fetched.response;
    let toSkip = skippedBytes;
    body.pause();
    body.on('data', (chunk: Uint8Array) => {
      const wanted = chunk.subarray(toSkip, toSkip + this.#parts.part.end - this.#reached);
      toSkip -= Math.min(toSkip, chunk.byteLength);
      if (wanted.byteLength > 0) this.#passOn(wanted);
      // Bytes beyond the part are not read. At the end of the response the connection is free.
      if (wanted.byteLength < chunk.byteLength && this.#isComplete()) this.#finish();
      else if (!this.#isWanted) body.pause();
    });
    body.once('end', () => {
      if (this.#isComplete()) this.#finish();
      else void this.#resume(this.#cutShort());
    });
    body.once('error', error => void this.#resume(fetched.response.toError(error)));
    if (this.#isWanted) body.resume();
  }

  #passOn(chunk: Uint8Array): void {
    this.#reached += chunk.byteLength;
    this.#hash?.update(chunk);
    this.#isWanted = this.push(chunk);
    this.#parts.onProgress(this.arrivedBytes);
  }

  #isComplete(): boolean {
    return this.#reached === this.#parts.part.end;
  }

  #finish(): void {
    if (!this.#fetched.response.body.readableEnded) this.#fetched.response.discard();
    const { etag } = this.#parts.part.stat;
    const digest = this.#hash?.digest('hex');
    if (digest === undefined || digest === etag.toLowerCase()) this.push(null);
    else this.destroy(this.#failure('its content does not match its ETag'));
  }

  async #resume(error: Error): Promise<void> {
    if (this.destroyed || this.#isComplete()) return;
    try {
      this.#assertResumable(error);
      const { retry: policy } = this.#parts.context.options;
      const { signal } = this.#controller;
      await pauseBeforeRetry(policy, this.#breaksInARow, signal);
      const fetchRest = () => this.#fetchRest();
      const { fetched, skippedBytes } = await (this.#operation?.run(fetchRest) ?? fetchRest());
      if (this.destroyed) fetched.response.discard();
      else this.#attach(fetched, skippedBytes);
    } catch (failure) {
      this.destroy(failure as Error);
    }
  }

  #assertResumable(error: Error): void {
    const { context, part } = this.#parts;
    if (this.#reached - this.#reachedAtResumption >= PROGRESS_BYTES) this.#breaksInARow = 0;
    this.#reachedAtResumption = this.#reached;
    this.#breaksInARow += 1;
    this.#resumptions += 1;
    const isWorthIt =
      this.#breaksInARow < context.options.retry.attempts && this.#resumptions <= MAX_RESUMPTIONS;
    if (!isWorthIt || !isRetryable(error) || part.validator === undefined) throw error;
  }

  /** Requests the missing bytes of the same object. */
  async #fetchRest(): Promise<{ readonly fetched: FetchedObject; readonly skippedBytes: number }> {
    const { context, part } = this.#parts;
    const { validator = '' } = part;
    const rest = { start: this.#reached, end: part.end - 1 };
    const fetched = await fetchObject(context, {
      fileId: part.stat.fileId,
      method: 'GET',
      headers: { range: `bytes=${rest.start}-${rest.end}`, 'if-range': validator },
      signal: this.#controller.signal,
    });
    const { stat, skippedBytes, validator: current } = readPart(fetched, rest);
    if (stat.size === part.stat.size && current === validator) return { fetched, skippedBytes };
    fetched.response.discard();
    throw this.#failure('it was replaced while it was read');
  }

  #cutShort(): WxCloudStorageError {
    const { start, end } = this.#parts.part;
    return this.#failure(`it ended after ${this.#reached - start} of ${end - start} bytes`);
  }

  #failure(problem: string): WxCloudStorageError {
    return new WxCloudStorageError({
      code: 'WX_CLOUD_DOWNLOAD_FAILED',
      message: `GET object: ${this.#parts.part.stat.fileId}: ${problem}. Try again.`,
      retryable: true,
      endpoint: 'GET object',
    });
  }
}
