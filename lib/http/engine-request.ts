import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers';
import { IdleTimer } from '../body/index.js';
import {
  isReasonToGiveUp,
  MAX_DISCARDED_BYTES,
  MAX_DISCARDING_MS,
  stalled,
  tookTooLong,
} from '../form/index.js';
import { MAX_TIMER_MS } from '../options/index.js';
import type { StorageContext } from '../storage/index.js';
import type { Deadline } from '../transport/index.js';
import { closeAfterAnswer, endBody } from './refused-request.js';
import { originOf, rawRequestOf } from './request-origin.js';
import { RequestNote } from './request-note.js';
import { storedFilesOf } from './stored-files.js';

type EngineContext = Pick<StorageContext, 'operations' | 'options'>;

/**
 * Bounds a request that a form parser of somebody else reads, from its first file on: the time
 * without a byte, the time altogether, and what is read of it after a refusal. The parser answers
 * only once the request has ended, so that is what it is told where the rest is not read.
 */
export class EngineRequest {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #onGivenUp: (error: unknown) => unknown;
  readonly #idle: IdleTimer;
  readonly #total: IdleTimer;
  readonly #operation: Deadline;
  /** The bytes that may still come; infinite until the form is refused. */
  #leftBytes = Infinity;
  #refusalTimer: NodeJS.Timeout | undefined;
  /** Files that are being stored. */
  #pendingCount = 0;
  #isCut = false;
  #isOver = false;

  constructor(request: object, { operations, options }: EngineContext) {
    this.#request = rawRequestOf(request);
    this.#response = originOf(request).response;
    const files = storedFilesOf(request);
    this.#onGivenUp = error => files.failWith(error);
    const { idleMs, totalMs } = options.timeouts;
    this.#idle = new IdleTimer(idleMs, () => this.#onIdle(idleMs));
    this.#total = new IdleTimer(totalMs, () => this.#giveUp(tookTooLong(totalMs)));
    this.#operation = operations.start('receiving a form', { timeoutMs: MAX_TIMER_MS });
    this.#start();
  }

  /** A file begins. */
  begin(): void {
    this.#pendingCount += 1;
  }

  /** The parser is about to be told what has become of a file. */
  finish(): void {
    this.#pendingCount -= 1;
    if (this.#isCut) this.#endBody();
  }

  /** The form is refused: its parser may read on for a while. */
  refuse(error?: unknown): void {
    if (this.#isOver) return;
    if (isReasonToGiveUp(error) || this.#request.httpVersionMajor !== 1) return this.#end();
    if (this.#leftBytes !== Infinity) return;
    this.#leftBytes = MAX_DISCARDED_BYTES;
    this.#refusalTimer = setTimeout(this.#end, MAX_DISCARDING_MS);
  }

  #start(): void {
    this.#idle.start();
    this.#total.start();
    this.#request.on('data', this.#onData);
    for (const event of ['end', 'close', 'error']) this.#request.once(event, this.#stop);
    this.#operation.signal.addEventListener('abort', this.#onClosed);
    if (this.#operation.signal.aborted) this.#onClosed();
    else if (this.#request.readableEnded || this.#request.destroyed) this.#stop();
  }

  readonly #onData = (bytes: Uint8Array): void => {
    this.#idle.touch();
    this.#leftBytes -= bytes.byteLength;
    if (this.#leftBytes < 0) this.#end();
  };

  /** The parser has the client wait while a file is stored more slowly than it comes. */
  #onIdle(idleMs: number): void {
    if (this.#request.isPaused()) this.#idle.start();
    else this.#giveUp(stalled(idleMs));
  }

  readonly #onClosed = (): void => this.#giveUp(this.#operation.signal.reason);

  /** The first failure is the one that the parser is told by a file that is on its way. */
  #giveUp(error: unknown): void {
    void this.#onGivenUp(error);
    this.#end();
  }

  readonly #end = (): void => {
    this.#stop();
    closeAfterAnswer(this.#request, this.#response);
    this.#isCut = true;
    this.#endBody();
  };

  /** Only once the parser knows why: it would take the end for the client's fault. */
  #endBody(): void {
    if (this.#pendingCount === 0) setImmediate(() => endBody(this.#request));
  }

  readonly #stop = (): void => {
    this.#isOver = true;
    this.#idle.stop();
    this.#total.stop();
    clearTimeout(this.#refusalTimer);
    this.#request.off('data', this.#onData);
    for (const event of ['end', 'close', 'error']) this.#request.off(event, this.#stop);
    this.#operation.signal.removeEventListener('abort', this.#onClosed);
    this.#operation.dispose();
  };
}

const notedRequests = new RequestNote<EngineRequest>('engineRequest');

/** Bounds a request from its first file on. Can be called for each. */
export function boundEngineRequest(request: object, context: EngineContext): EngineRequest {
  const known = notedRequests.read(request);
  if (known !== undefined) return known;
  const bounded = new EngineRequest(request, context);
  notedRequests.write(request, bounded);
  return bounded;
}

/** The bounds of a request; undefined before its first file. */
export function findEngineRequest(request: object): EngineRequest | undefined {
  return notedRequests.read(request);
}
