import { performance } from 'node:perf_hooks';
import { WxCloudStorageError } from '../errors/errors.js';
import { type ChunkReader, type ChunkResult, NO_CHUNK, type WaitingRead } from './chunks.js';
import type { ComingContent, UploadBody } from './upload-body.js';

/** Number of bytes at the end that are sent only once the size is certain. */
const HELD_BYTES = 64;
/** Number of bytes by which the content may be longer than predicted: those of a line end. */
export const LINE_END_BYTES = 2;

/** Waiting time for the client after which its speed is judged, in milliseconds. */
const JUDGED_MS = 5_000;
/** The speed below which a client is slow. */
const LEAST_BYTES_PER_SECOND = 65_536;
const CHECK_MS = 1_000;

/** Content with a predicted size, and its end. */
interface ComingBodyParts {
  /** The content. */
  readonly content: ComingContent;
  /** The size that the content probably has. */
  readonly predictedBytes: number;
  /**
   * Called with the real size, which is the predicted one or {@link LINE_END_BYTES} more. Resolves
   * with true when the last bytes may be sent.
   */
  readonly confirm: (size: number) => Promise<boolean>;
  /** Called once when the body is not sent any more. */
  readonly onOver: () => void;
  /** Ends the upload. */
  readonly signal: AbortSignal;
}

/**
 * A body that is sent once while it arrives, with its predicted size. The last 64 bytes are held
 * back until the size is confirmed, so that an object is complete only with all of its content.
 * When the prediction was wrong, or the client is slow, the body is abandoned: its signal ends the
 * request, and the content is kept as it arrives.
 */
export class ComingBody implements UploadBody {
  /** The predicted size. */
  readonly size: number;
  /** True, as the content is kept besides. */
  readonly isReplayable = true;
  readonly #parts: ComingBodyParts;
  readonly #controller = new AbortController();
  readonly #onAbort = (): void => this.#end(this.#parts.signal.reason);
  #reader: ChunkReader | undefined;
  #waiting: WaitingRead | undefined;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #passedBytes = 0;
  #isReleased = false;
  #isAbandoned = false;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;
  #judgedBytes = 0;
  #waitedMs = 0;
  #waitsSinceMs: number | undefined;

  /** Nothing is read before {@link ComingBody.open}. */
  constructor(parts: ComingBodyParts) {
    this.#parts = parts;
    this.size = parts.predictedBytes;
    if (parts.signal.aborted) this.#onAbort();
    else parts.signal.addEventListener('abort', this.#onAbort);
  }

  /** See {@link UploadBody.countedBytes}. */
  get countedBytes(): UploadBody['countedBytes'] {
    return this.#parts.content.countedBytes;
  }

  /** Number of bytes by which the content turned out to be longer than predicted. */
  get extraBytes(): number {
    return this.#isReleased ? this.#passedBytes + this.#heldBytes - this.size : 0;
  }

  /** True when it was given up for a reason other than the storage. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** True when it can still be opened: more is to come, and nothing was read yet. */
  get canOpen(): boolean {
    return !this.#isOver && this.#reader === undefined && !this.#parts.content.hasEnded;
  }

  /** Number of milliseconds for which the client has been waited for; 0 while there are bytes. */
  get waitedMs(): number {
    return this.#waitsSinceMs === undefined ? 0 : performance.now() - this.#waitsSinceMs;
  }

  /** Ends the request that sends the body. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Opens the content; called once. */
  open(): ChunkReader {
    this.#reader = this.#parts.content.follow();
    this.#timer = setInterval(() => this.#judgeClient(), CHECK_MS);
    return {
      next: () => this.#next(),
      return: async () => {
        this.close();
        return NO_CHUNK;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Gives the body up. Has no effect once the last bytes were passed on. */
  abandon(): void {
    if (this.#isOver || this.#isReleased) return;
    this.#isAbandoned = true;
    this.#end(abandoned());
  }

  /** Ends the reading; the rest of the content is kept as it arrives. Can be called again. */
  close(): void {
    this.#end(undefined);
  }

  #end(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#parts.signal.removeEventListener('abort', this.#onAbort);
    const waiting = this.#takeWaiting();
    // To the form that is being sent, an end without a reason would be the end of the content.
    if (reason === undefined) waiting?.resolve(NO_CHUNK);
    else {
      waiting?.reject(reason);
      this.#controller.abort(reason);
    }
    void this.#reader?.return();
    this.#parts.content.keepOn();
    this.#parts.onOver();
  }

  #next(): Promise<ChunkResult> {
    return new Promise((resolve, reject) => {
      if (this.signal.aborted) return reject(this.signal.reason);
      if (this.#isOver) return resolve(NO_CHUNK);
      this.#waiting = { resolve, reject };
      this.#read().then(
        result => this.#takeWaiting()?.resolve(result),
        (error: unknown) => this.#takeWaiting()?.reject(error),
      );
    });
  }

  #takeWaiting(): WaitingRead | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  async #read(): Promise<ChunkResult> {
    while (!this.#isReleased) {
      const { done, value } = await this.#waitFor(this.#reader?.next() ?? NO_CHUNK);
      if (this.#isOver) return NO_CHUNK;
      if (done === true) await this.#release();
      else {
        const passed = this.#holdBack(value);
        if (passed.byteLength > 0) return { done: false, value: passed };
      }
    }
    const value = this.#held.shift();
    return value === undefined ? NO_CHUNK : { done: false, value };
  }

  /** Returns the bytes that may be sent now. */
  #holdBack(chunk: Uint8Array): Uint8Array {
    this.#judgedBytes += chunk.byteLength;
    const freeBytes = Math.max(0, this.size - HELD_BYTES - this.#passedBytes);
    const passed = chunk.subarray(0, freeBytes);
    this.#passedBytes += passed.byteLength;
    if (passed.byteLength === chunk.byteLength) return passed;
    // A copy, as a view would keep the whole chunk in memory.
    const held = Buffer.from(chunk.subarray(freeBytes, freeBytes + 2 * HELD_BYTES));
    this.#heldBytes += held.byteLength;
    if (this.#passedBytes + this.#heldBytes > this.size + LINE_END_BYTES) {
      this.abandon();
      throw abandoned();
    }
    this.#held.push(held);
    return passed;
  }

  /** Lets the last bytes go once the end of the content is as predicted. */
  async #release(): Promise<void> {
    const size = this.#passedBytes + this.#heldBytes;
    const isPredicted = size === this.size || size === this.size + LINE_END_BYTES;
    const isConfirmed = isPredicted && (await this.#waitFor(this.#parts.confirm(size)));
    if (this.#isOver || !isConfirmed) {
      this.abandon();
      throw abandoned();
    }
    this.#isReleased = true;
    clearInterval(this.#timer);
  }

  async #waitFor<T>(waiting: T | Promise<T>): Promise<T> {
    this.#waitsSinceMs = performance.now();
    try {
      return await waiting;
    } finally {
      this.#waitedMs += performance.now() - this.#waitsSinceMs;
      this.#waitsSinceMs = undefined;
    }
  }

  /** Abandons a slow client's body. Only the time in which the client is waited for counts. */
  #judgeClient(): void {
    const nowMs = performance.now();
    const waitedMs = this.#waitedMs + nowMs - (this.#waitsSinceMs ?? nowMs);
    if (waitedMs < JUDGED_MS) return;
    if (this.#judgedBytes * 1_000 < LEAST_BYTES_PER_SECOND * waitedMs) return this.abandon();
    this.#waitedMs = 0;
    this.#judgedBytes = 0;
    if (this.#waitsSinceMs !== undefined) this.#waitsSinceMs = nowMs;
  }
}

/** The reason of an abandoned request. Callers never get it, as the content is sent again. */
function abandoned(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_REQUEST_ABORTED',
    message:
      'The file is sent once it has arrived completely, as it could not be sent before. No action is needed.',
  });
}
