import type { IncomingMessage } from 'node:http';
import { IdleTimer } from '../body/index.js';
import { WxCloudStorageError } from '../errors/index.js';
import { formBroken, type FormReader } from '../form/index.js';
import { MAX_TIMER_MS } from '../options/index.js';
import type { StorageContext } from '../storage/index.js';
import type { Deadline } from '../transport/index.js';
import { stalled, tookTooLong } from './form-stalled.js';
import type { PieceSource } from './piece-queue.js';

/** While a file is waited for, the end of the time is looked at so often. */
const RECHECK_MS = 1_000;

/** What receiving a form takes. */
export interface FormReceptionParts {
  /** Node's request, of which nothing was read. */
  readonly request: IncomingMessage;
  /** Given the bytes as they come. */
  readonly reader: FormReader;
  /** The instance, whose operation the reception is and whose time limits it has. */
  readonly context: Pick<StorageContext, 'operations' | 'options'>;
  /** Told at once what is wrong with the form, or with its client. */
  readonly onFailure: (error: Error) => unknown;
}

/**
 * Receives a form from a request until its end, or until something fails: the client has gone,
 * sends nothing for too long or takes too long altogether, or the application closes. It is the
 * source of the queues of its files: what they ask of it has no effect any more once it is over.
 */
export class FormReception implements PieceSource {
  readonly #parts: FormReceptionParts;
  #setEnded: () => void = () => {};
  /** Resolves when nothing more of the form is read, whatever has come of it. */
  readonly ended = new Promise<void>(resolve => (this.#setEnded = resolve));
  #receivedBytes = 0;
  #isPaused = false;
  #isOver = false;
  readonly #idle: IdleTimer;
  readonly #total: IdleTimer;
  #operation: Deadline | undefined;

  /** Nothing is called before {@link start}. */
  constructor(parts: FormReceptionParts) {
    this.#parts = parts;
    const { idleMs, totalMs } = parts.context.options.timeouts;
    this.#idle = new IdleTimer(idleMs, () => this.#onIdle());
    this.#total = new IdleTimer(totalMs, () => this.#onTimeIsUp());
  }

  /** Number of bytes of the body that have come. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Starts to receive. */
  start(): void {
    const { request, context } = this.#parts;
    if (request.destroyed) return this.#fail(formBroken());
    // Its time is told by a timer of its own, as it is the client that takes too long.
    this.#operation = context.operations.start('receiving a form', { timeoutMs: MAX_TIMER_MS });
    const { signal } = this.#operation;
    if (signal.aborted) return this.#onClosed();
    signal.addEventListener('abort', this.#onClosed);
    this.#idle.start();
    this.#total.start();
    request.on('data', this.#onData);
    request.once('end', this.#onEnd);
    request.once('close', this.#onBreak);
    request.once('error', this.#onBreak);
    // Whoever has paused it before does not know when it is read. From now on it is only a file's
    // queue that does so.
    if (request.isPaused()) request.resume();
  }

  /** Has the client wait while a file is stored more slowly than it comes. */
  pause(): void {
    if (this.#isOver) return;
    this.#isPaused = true;
    this.#parts.request.pause();
  }

  /** Goes on. */
  resume(): void {
    if (this.#isOver) return;
    this.#isPaused = false;
    this.#idle.touch();
    this.#parts.request.resume();
  }

  /**
   * The reason behind the failure of a file: one whose time was up while the form was still coming
   * waited for the client.
   */
  explain(error: unknown): unknown {
    const isTimeUp =
      error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_REQUEST_TIMED_OUT';
    return isTimeUp && !this.#isOver && !this.#isPaused ? this.#tookTooLong() : error;
  }

  /** Gives the form up; nothing more of it is read. */
  stop(error: Error): void {
    if (this.#isOver) return;
    this.#finish();
    this.#parts.request.pause();
    this.#parts.reader.fail(error);
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.stop(error);
    this.#parts.onFailure(error);
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#idle.touch();
    this.#receivedBytes += bytes.byteLength;
    try {
      this.#parts.reader.write(bytes);
    } catch (error) {
      this.#fail(error as Error);
    }
  };

  readonly #onEnd = (): void => {
    try {
      this.#parts.reader.end();
      this.#finish();
    } catch (error) {
      this.#fail(error as Error);
    }
  };

  readonly #onBreak = (): void => this.#fail(formBroken());

  readonly #onClosed = (): void => this.#fail(this.#operation?.signal.reason as Error);

  /** While a file is waited for that is stored more slowly than it comes, it is not the client that stalls. */
  #onIdle(): void {
    if (this.#isPaused) return this.#idle.start();
    const { idleMs } = this.#parts.context.options.timeouts;
    this.#fail(stalled(idleMs));
  }

  /** A file that is waited for has a time limit of its own. */
  #onTimeIsUp(): void {
    if (this.#isPaused) return this.#total.start(RECHECK_MS);
    this.#fail(this.#tookTooLong());
  }

  #tookTooLong(): WxCloudStorageError {
    const { totalMs } = this.#parts.context.options.timeouts;
    return tookTooLong(totalMs);
  }

  #finish(): void {
    this.#isOver = true;
    const { request } = this.#parts;
    this.#idle.stop();
    this.#total.stop();
    this.#operation?.signal.removeEventListener('abort', this.#onClosed);
    this.#operation?.dispose();
    request.off('data', this.#onData);
    request.off('end', this.#onEnd);
    request.off('close', this.#onBreak);
    request.off('error', this.#onBreak);
    this.#setEnded();
  }
}
