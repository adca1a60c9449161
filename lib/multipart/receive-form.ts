import type { IncomingMessage } from 'node:http';
import { IdleTimer } from '../body/idle-timer.js';
import { OptionsInvalidError, WxCloudStorageError } from '../errors/errors.js';
import { MAX_TIMER_MS } from '../options/validation.js';
import type { FormMemory } from './form-budget.js';
import { formBroken, isReasonToGiveUp, stalled, tookTooLong } from './form-errors.js';
import { type FormClues, type FormFile, FormReader, type FormReaderParts } from './form-reader.js';
import type { PartSink } from './multipart-parser.js';
import { assertNotEncoded, readBoundary } from './part-headers.js';
import type { FormFields } from './text-fields.js';

/**
 * As much of a refused request is read, so that its connection can go on and clients that send
 * before they read get an answer.
 */
export const MAX_DISCARDED_BYTES = 16_777_216;
/** The time that this may take. */
export const MAX_DISCARDING_MS = 5_000;

const knownDiscarding = new WeakMap<RefusedRequest, Promise<void>>();

/** While a file is waited for, the end of the time is looked at so often. */
const RECHECK_MS = 1_000;

/**
 * Makes sure that a form can be read from its first byte: what a middleware has taken of it would
 * be missing, and a file with it. A request that was only paused, or that somebody listens to
 * before anything has come, is whole.
 * @throws {@link OptionsInvalidError} when something has read from the request
 */
function assertUnread(request: IncomingMessage): void {
  // With a `readable` listener only its owner reads; the others are given no byte.
  const isRead = request.readableDidRead || request.listenerCount('readable') > 0;
  if (isRead || request.readableEnded) throw readAlready();
  assertBytes(request);
}

/**
 * Makes sure that a request gives bytes: as text, the bytes of a file are damaged already.
 * @throws {@link OptionsInvalidError} when it has an encoding
 */
export function assertBytes(request: IncomingMessage): void {
  if (typeof request.readableEncoding === 'string') throw readAlready();
}

/** The client has done nothing wrong, and is told as little; the operator sees it as a 500. */
function readAlready(): OptionsInvalidError {
  return new OptionsInvalidError({
    option: 'form',
    expected: 'read by one upload interceptor; something else has read it before',
    remedy:
      'Use one interceptor on a route, and no other form parser, body logger or setEncoding() on the request before it.',
  });
}

/** The Node request of HTTP/1.1, or what stands for one in HTTP/2 and in bridges. */
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
>;

/** The operations of an instance, which end when the application closes. */
interface FormOperations {
  /** Starts one that runs until it is disposed of. */
  start(
    operation: string,
    options: { readonly timeoutMs: number },
  ): { readonly signal: AbortSignal; dispose(): void };
}

/**
 * Reads on after a refusal and discards what comes, within limits: 16 MiB, and 5 seconds. Resolves
 * when the request has ended or a limit is reached, and at once when it cannot end within them,
 * over HTTP/2, where an answer needs no read request, and when the application closes.
 * `receivedBytes` says how much of the body has come already. Can be called again.
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
  // Whoever has such a listener is the only one who can read.
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
  return new Promise(resolve => {
    let leftBytes = MAX_DISCARDED_BYTES;
    const onData = (bytes: Uint8Array): void => {
      leftBytes -= bytes.byteLength;
      if (leftBytes < 0) end();
    };
    const end = (): void => {
      request.off('data', onData);
      for (const event of ['end', 'close', 'error']) request.off(event, end);
      signal.removeEventListener('abort', end);
      if (!isOver(request)) request.pause();
      resolve();
    };
    if (signal.aborted) return end();
    signal.addEventListener('abort', end);
    for (const event of ['end', 'close', 'error']) request.once(event, end);
    request.on('data', onData);
    request.resume();
  });
}

/**
 * True when nothing more of a request is to come. Bridges give requests that do not say whether
 * they are complete.
 */
export function isOver({ complete, readableEnded, destroyed }: RefusedRequest): boolean {
  return complete === true || readableEnded || destroyed;
}

/** A form on its way. Once it is over, what is asked of it has no effect any more. */
export interface ComingForm {
  /** Has the client wait, as a file is taken more slowly than it comes. */
  pause(): void;
  /** Goes on. */
  resume(): void;
  /**
   * The most bytes that the file which has just begun can have; undefined where the request does
   * not say how long it is.
   */
  mostFileBytes(): number | undefined;
}

/** A file that is taken. */
export interface TakenFile {
  /** Takes the content as it comes. */
  readonly sink: PartSink;
  /** Settles once the file has been dealt with; its failure is that of the form. */
  readonly done: Promise<unknown>;
}

/** What receiving a form takes. */
interface ReceiveFormParts extends Pick<
  FormReaderParts,
  'limits' | 'assertTakesFile' | 'isFileField'
> {
  /** The memory that its text may take. */
  readonly memory: FormMemory;
  /** Given a `body` that fills with the text fields. */
  readonly target: { body?: FormFields };
  /** Called when a file begins. What it throws refuses the form. */
  readonly onFile: (file: FormFile, form: ComingForm) => TakenFile;
  /** Of these the receiver is one. */
  readonly operations: FormOperations;
  /** How long the client may send nothing, and how long the form may take altogether. */
  readonly timeouts: { readonly idleMs: number; readonly totalMs: number };
}

/**
 * Receives the form of a request of which nothing was read. Resolves when all of it has come and
 * its files have been dealt with, with what came in place of files. Rejects at once when something
 * fails: the form, a file, a client that has gone, sends nothing for too long or takes too long
 * altogether, or the application closes; what is left of the form is discarded then.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID`; `WX_CLOUD_CAPACITY_EXCEEDED`;
 * `WX_CLOUD_BODY_STALLED`; `WX_CLOUD_STORAGE_CLOSED`; and what a file fails with
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
  parts.memory.assertRoom();
  return new FormReceiver(request, boundary, parts).receive();
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

  mostFileBytes(): number | undefined {
    const length = this.#request.headers['content-length'];
    return length === undefined ? undefined : this.#reader.mostContentBytes(Number(length));
  }

  #start(): void {
    const request = this.#request;
    if (request.destroyed) return this.#fail(formBroken());
    // Its time is told by a timer of its own, as it is the client that takes too long.
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
    // Whoever has paused it before does not know when it is read. From now on it is only a file's
    // queue that does so.
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
      this.#setRead();
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #onBreak = (): void => this.#fail(formBroken());

  readonly #onClosed = (): void => this.#fail(this.#operation?.signal.reason);

  /**
   * While a file is waited for that is taken more slowly than it comes, it is not the client that
   * stalls.
   */
  #onIdle(idleMs: number): void {
    if (this.#isPaused) return this.#idle.start();
    this.#fail(stalled(idleMs));
  }

  /** A file that is waited for has a time limit of its own. */
  #onTimeIsUp(totalMs: number): void {
    if (this.#isPaused) return this.#total.start(RECHECK_MS);
    this.#fail(tookTooLong(totalMs));
  }

  /** A file whose time was up while the form was still coming waited for the client. */
  #explain(error: unknown): unknown {
    const isTimeUp =
      error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_REQUEST_TIMED_OUT';
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
