import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { IdleTimer } from '../body/idle-timer.js';
import { OptionsInvalidError, RequestTimedOutError } from '../errors/errors.js';
import type { OperationRegistry } from '../operations/operation-registry.js';
import { MAX_TIMER_MS } from '../options/validation.js';
import type { FormMemory } from './form-budget.js';
import { formBroken, isReasonToGiveUp, stalled, tookTooLong } from './form-errors.js';
import { type FormClues, type FormFile, FormReader, type FormReaderParts } from './form-reader.js';
import type { PartSink } from './multipart-parser.js';
import { assertNotEncoded, readBoundary } from './part-headers.js';
import type { FormFields } from './text-fields.js';

/**
 * Number of bytes of a refused request that are read and discarded, so that its connection can go
 * on, and clients that send before they read get a response.
 */
export const MAX_DISCARDED_BYTES = 16_777_216;
/** The time limit for discarding, in milliseconds. */
export const MAX_DISCARDING_MS = 5_000;

const knownDiscarding = new WeakMap<RefusedRequest, Promise<void>>();

/** Interval of checks for the total time while a file is slow, in milliseconds. */
const RECHECK_MS = 1_000;

/**
 * Checks that the form can be read from its first byte: bytes read by a middleware would be
 * missing. A request that was only paused, or that had a listener before any bytes arrived, is
 * complete.
 * @throws {@link OptionsInvalidError} when something has read from the request
 */
function assertUnread(request: IncomingMessage): void {
  // With a `readable` listener only its owner gets the bytes.
  const isRead = request.readableDidRead || request.listenerCount('readable') > 0;
  if (isRead || request.readableEnded) throw readAlready();
  assertBytes(request);
}

/**
 * Checks that a request yields bytes: text would damage the bytes of a file.
 * @throws {@link OptionsInvalidError} when it has an encoding
 */
export function assertBytes(request: IncomingMessage): void {
  if (typeof request.readableEncoding === 'string') throw readAlready();
}

/**
 * The error for the operator. Nothing is wrong with the client, which gets a 500 without details.
 */
function readAlready(): OptionsInvalidError {
  return new OptionsInvalidError({
    option: 'form',
    expected: 'read by one upload interceptor only; something else has read it before',
    remedy:
      'Use one interceptor on a route, and no other form parser, body logger or setEncoding() on the request before it.',
  });
}

/** The Node request of HTTP/1.1, or its substitute in HTTP/2 and in bridges. */
export type RefusedRequest = Pick<
  IncomingMessage,
  | 'complete'
  | 'destroyed'
  | 'readableEnded'
  | 'httpVersionMajor'
  | 'headers'
  | 'listenerCount'
  | 'on'
  | 'off'
  | 'once'
  | 'pause'
  | 'read'
  | 'resume'
  | 'socket'
>;

/** The operations of an instance; they end when the application closes. */
type FormOperations = Pick<OperationRegistry, 'start'>;

/**
 * Reads and discards the rest of a refused request, up to 16 MiB and for at most 5 seconds.
 * Resolves when the request has ended or a limit is reached. Resolves at once when the rest exceeds
 * the limit, over HTTP/2, which can respond before the request was read, and when the application
 * closes. `receivedBytes` is the number of body bytes so far. Can be called again.
 */
export function discardRest(
  request: RefusedRequest,
  operations: FormOperations,
  receivedBytes = 0,
): Promise<void> {
  const known = knownDiscarding.get(request);
  if (known !== undefined) return known;
  const discarding = discardUpTo(request, operations, receivedBytes);
  knownDiscarding.set(request, discarding);
  return discarding;
}

async function discardUpTo(
  request: RefusedRequest,
  operations: FormOperations,
  receivedBytes: number,
): Promise<void> {
  if (isOver(request) || request.httpVersionMajor !== 1) return;
  // Only the owner of such a listener can read.
  if (request.listenerCount('readable') > 0) return;
  const announcedBytes = Number(request.headers['content-length'] ?? 0);
  if (announcedBytes - receivedBytes > MAX_DISCARDED_BYTES) return;
  const timeoutMs = MAX_DISCARDING_MS;
  const deadline = operations.start('discarding a refused request', { timeoutMs });
  try {
    await discard(request, deadline.signal);
  } finally {
    deadline.dispose();
  }
}

function discard(request: RefusedRequest, signal: AbortSignal): Promise<void> {
  const { socket } = request;
  return new Promise(resolve => {
    let leftBytes = MAX_DISCARDED_BYTES;
    const onData = (bytes: Uint8Array): void => {
      leftBytes -= bytes.byteLength;
      if (leftBytes < 0) end();
    };
    const end = (): void => {
      request.off('data', onData);
      for (const event of ['end', 'close', 'error']) request.off(event, end);
      if (socket instanceof Socket) socket.off('close', end);
      signal.removeEventListener('abort', end);
      if (!isOver(request)) request.pause();
      resolve();
    };
    if (signal.aborted) return end();
    signal.addEventListener('abort', end);
    for (const event of ['end', 'close', 'error']) request.once(event, end);
    // Behind its response a request is not told of the end of its connection.
    if (socket instanceof Socket) socket.once('close', end);
    request.on('data', onData);
    request.resume();
  });
}

/** True when no more bytes of a request will arrive. Requests of bridges may lack `complete`. */
export function isOver({ complete, readableEnded, destroyed }: RefusedRequest): boolean {
  return complete === true || readableEnded || destroyed;
}

/** A form that is being received. Methods have no effect after its end. */
export interface ComingForm {
  /** Pauses the client, as a file is stored more slowly than it arrives. */
  pause(): void;
  /** Resumes the client. */
  resume(): void;
  /**
   * The size of the file that has just begun if nothing follows it in the form, and its maximum. In
   * a form without its last line end, both are two bytes more. Undefined when the length of the
   * request is unknown.
   */
  likelyFileBytes(): number | undefined;
  /** Resolves once the form has arrived completely, and never when it fails before. */
  untilWhole(): Promise<void>;
}

/** A file that is being stored. */
export interface TakenFile {
  /** Receives the content. */
  readonly sink: PartSink;
  /** Settles once the file is stored or refused; its error is the error of the form. */
  readonly done: Promise<unknown>;
}

/** Options for receiving a form. */
interface ReceiveFormParts extends Pick<
  FormReaderParts,
  'limits' | 'assertTakesFile' | 'isFileField'
> {
  /** The memory for its text. */
  readonly memory: FormMemory;
  /** Gets a `body` that fills with the text fields. */
  readonly target: { body?: FormFields };
  /** Called when a file begins. An error refuses the form. */
  readonly onFile: (file: FormFile, form: ComingForm) => TakenFile;
  /** Called with the length of the request, where known. An error refuses it before it is read. */
  readonly assertLength?: (bytes: number) => void;
  /** The registry in which the form counts as an operation. */
  readonly operations: FormOperations;
  /** Idle limit and total time limit for the client, in milliseconds. */
  readonly timeouts: { readonly idleMs: number; readonly totalMs: number };
}

/**
 * Receives the form of an unread request. Resolves with clues to missing files once all of it has
 * arrived and its files are stored. Rejects at once when the form or a file fails, the client
 * disconnects, stalls or takes too long, or the application closes; the rest of the form is then
 * discarded.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID`; `WX_CLOUD_CAPACITY_EXCEEDED`;
 * `WX_CLOUD_BODY_STALLED`; `WX_CLOUD_STORAGE_CLOSED`; and errors of files
 * @throws {@link OptionsInvalidError} when something else has read the request
 */
export async function receiveForm(
  request: IncomingMessage,
  parts: ReceiveFormParts,
): Promise<FormClues> {
  const { 'content-type': contentType, 'content-encoding': contentEncoding } = request.headers;
  assertNotEncoded(contentEncoding);
  assertUnread(request);
  const boundary = readBoundary(contentType);
  const length = readLength(request);
  if (length !== undefined) parts.assertLength?.(length);
  parts.memory.assertRoom();
  return new FormReceiver(request, boundary, parts).receive();
}

/** Returns the valid length of a request. Requests of bridges may have any text there. */
function readLength({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length'];
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

class FormReceiver implements ComingForm {
  readonly #request: IncomingMessage;
  readonly #parts: ReceiveFormParts;
  readonly #reader: FormReader;
  readonly #files: Promise<unknown>[] = [];
  readonly #idle: IdleTimer;
  readonly #total: IdleTimer;
  #operation: ReturnType<FormOperations['start']> | undefined;
  #receivedBytes = 0;
  #isPaused = false;
  #isOver = false;
  #isWhole = false;
  readonly #waitingForEnd: (() => void)[] = [];
  #setRead: () => void = () => {};
  #setFailed: (error: unknown) => void = () => {};

  constructor(request: IncomingMessage, boundary: string, parts: ReceiveFormParts) {
    this.#request = request;
    this.#parts = parts;
    const body = (parts.target.body = Object.create(null) as FormFields);
    const onFile = (file: FormFile): PartSink => this.#take(file);
    this.#reader = new FormReader({ ...parts, boundary, body, onFile });
    const { idleMs, totalMs } = parts.timeouts;
    this.#idle = new IdleTimer(idleMs, () => this.#onIdle(idleMs));
    this.#total = new IdleTimer(totalMs, () => this.#onTimeIsUp(totalMs));
  }

  async receive(): Promise<FormClues> {
    await new Promise<void>((resolve, reject) => {
      this.#setRead = resolve;
      this.#setFailed = reject;
      this.#start();
    });
    await Promise.all(this.#files);
    return this.#reader.clues;
  }

  pause(): void {
    if (this.#isOver) return;
    this.#isPaused = true;
    this.#request.pause();
  }

  resume(): void {
    if (this.#isOver) return;
    this.#isPaused = false;
    this.#idle.touch();
    this.#request.resume();
  }

  likelyFileBytes(): number | undefined {
    const length = readLength(this.#request);
    return length === undefined ? undefined : this.#reader.lastContentBytes(length);
  }

  untilWhole(): Promise<void> {
    if (this.#isWhole) return Promise.resolve();
    return new Promise(resolve => this.#waitingForEnd.push(resolve));
  }

  #start(): void {
    const request = this.#request;
    if (request.destroyed) return this.#fail(formBroken());
    // A separate timer limits the time, with an error about the slow client.
    this.#operation = this.#parts.operations.start('receiving a form', { timeoutMs: MAX_TIMER_MS });
    const { signal } = this.#operation;
    if (signal.aborted) return this.#onClosed();
    signal.addEventListener('abort', this.#onClosed);
    this.#idle.start();
    this.#total.start();
    request.on('data', this.#onData);
    request.once('end', this.#onEnd);
    request.once('close', this.#onBreak);
    request.once('error', this.#onBreak);
    // A middleware that paused the request does not resume it. From now on only file queues pause.
    if (request.isPaused()) request.resume();
  }

  #take(file: FormFile): PartSink {
    const { sink, done } = this.#parts.onFile(file, this);
    this.#files.push(done);
    done.catch((error: unknown) => this.#fail(this.#explain(error)));
    return sink;
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#idle.touch();
    this.#receivedBytes += bytes.byteLength;
    try {
      this.#reader.write(bytes);
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #onEnd = (): void => {
    try {
      this.#reader.end();
      this.#finish();
      this.#isWhole = true;
      for (const goOn of this.#waitingForEnd) goOn();
      this.#setRead();
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #onBreak = (): void => this.#fail(formBroken());

  readonly #onClosed = (): void => this.#fail(this.#operation?.signal.reason);

  /** Handles an idle form. While it is paused for a slow file, the client does not stall. */
  #onIdle(idleMs: number): void {
    if (this.#isPaused) return this.#idle.start();
    this.#fail(stalled(idleMs));
  }

  /** Handles the end of the total time. A slow file has its own time limit. */
  #onTimeIsUp(totalMs: number): void {
    if (this.#isPaused) return this.#total.start(RECHECK_MS);
    this.#fail(tookTooLong(totalMs));
  }

  /** Explains a file that timed out while the form still arrived: it waited for the client. */
  #explain(error: unknown): unknown {
    const isTimeUp = error instanceof RequestTimedOutError && error.phase === 'total';
    if (!isTimeUp || this.#isOver || this.#isPaused) return error;
    return tookTooLong(this.#parts.timeouts.totalMs);
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#finish();
    this.#request.pause();
    this.#reader.fail(error as Error);
    if (!isReasonToGiveUp(error)) {
      void discardRest(this.#request, this.#parts.operations, this.#receivedBytes);
    }
    this.#setFailed(error);
  }

  #finish(): void {
    this.#isOver = true;
    const request = this.#request;
    this.#idle.stop();
    this.#total.stop();
    this.#operation?.signal.removeEventListener('abort', this.#onClosed);
    this.#operation?.dispose();
    request.off('data', this.#onData);
    request.off('end', this.#onEnd);
    request.off('close', this.#onBreak);
    request.off('error', this.#onBreak);
  }
}
