import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';

/** The head of an answer. */
export interface ResponseHead {
  /** The HTTP status. */
  readonly status: number;
  /** A header's value; the first one when it came several times. */
  header(name: string): string | undefined;
}

/** A watcher of one request. */
export interface RequestWatcher {
  /** The request is on a connection. */
  started(): void;
  /** The request was given up before it was on a connection; the dispatcher may still have it. */
  abandoned(): void;
  /** The request is over, and the dispatcher has it no more. */
  ended(): void;
}

/** What a handler of answers `T` is made with. */
export interface RequestHandlerParts<T> {
  /** Ends the request. */
  readonly signal: AbortSignal;
  /** How long an abort is to wait, in milliseconds, asked for when it comes. @defaultValue 0 */
  readonly abortDelayMs?: (() => number) | undefined;
  /** Called when it is given up before there is a connection. */
  readonly onUnsent?: (() => void) | undefined;
  /** Told what becomes of the request; each may be called several times. */
  readonly watcher?: RequestWatcher | undefined;
  /** Turns what undici or a stream threw into a typed error. */
  readonly toError: (error: unknown) => Error;
  /** Called once with the answer. */
  readonly resolve: (answer: T) => void;
  /** Called once, when there is to be no answer. */
  readonly reject: (error: Error) => void;
}

/**
 * What undici tells of one request, and what ends it. All that is asked of a dispatcher is to tell it, so that one of undici 8,
 * or Node's own, will do: undici 7's `request` puts something into its options that undici 8 refuses.
 */
export abstract class RequestHandler<T> implements Dispatcher.DispatchHandler {
  /** See {@link RequestHandlerParts}. */
  protected readonly parts: RequestHandlerParts<T>;
  readonly #onAbort: () => void;
  #timer: NodeJS.Timeout | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #head: ResponseHead | undefined;
  #isAbandoned = false;
  #isOver = false;

  /** Made for one request, whose signal is not aborted yet. */
  constructor(parts: RequestHandlerParts<T>) {
    this.parts = parts;
    this.#onAbort = () => this.#abortLater();
    parts.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Called by undici, perhaps several times before the request is sent. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Given up while it waited in a dispatcher, which cannot be told.
    if (this.#isOver) {
      this.parts.watcher?.ended();
      return controller.abort(unwanted());
    }
    this.#controller = controller;
    this.parts.watcher?.started();
    if (this.parts.signal.aborted) this.abort(this.parts.signal.reason as Error);
  }

  /** Called by undici, for each head: interim ones (1xx) too, which are of no use here. */
  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (this.#isOver) return controller.abort(unwanted());
    if (status < 200) return;
    this.#head = { status, header: name => firstOf(headers[name]) };
    this.begin(this.#head, controller);
  }

  /** Called by undici; also for what comes on a connection that a dispatcher made after nobody waited any more. */
  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    if (this.#isOver) controller.abort(unwanted());
    else if (this.#head !== undefined) this.add(piece, controller);
  }

  /** Called by undici. */
  onResponseEnd(): void {
    if (this.#head === undefined) this.onResponseError(undefined, withoutHead());
    else this.end(this.#head);
  }

  /** Called by undici, and by whoever could not send the request at all. */
  onResponseError(_controller: unknown, error: unknown): void {
    this.letGo();
    this.fail(error);
  }

  /** Gives the request up while it is not on a connection, so that nothing of it is sent. */
  giveUpConnecting(reason: Error): void {
    if (this.#controller !== undefined || this.#isOver) return;
    this.#isAbandoned = true;
    this.parts.onUnsent?.();
    this.abort(reason);
  }

  /** The answer begins with this head. */
  protected begin(_head: ResponseHead, _controller: Dispatcher.DispatchController): void {}

  /** The next bytes of its body have come. */
  protected abstract add(piece: Buffer, controller: Dispatcher.DispatchController): void;

  /** It is there as a whole. */
  protected abstract end(head: ResponseHead): void;

  /** There is to be no answer, or no more of it. */
  protected fail(error: unknown): void {
    this.parts.reject(this.parts.toError(error));
  }

  /** Ends the request at once. A dispatcher that is between two connections, to try again, would not report that back. */
  protected abort(reason: Error): void {
    this.#controller?.abort(reason);
    this.onResponseError(undefined, reason);
  }

  /** The signal no longer concerns the request, and nobody waits for more of its answer. */
  protected letGo(): void {
    const isLeft = this.#isAbandoned && !this.#isOver;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.parts.signal.removeEventListener('abort', this.#onAbort);
    if (isLeft) this.parts.watcher?.abandoned();
    else this.parts.watcher?.ended();
  }

  #abortLater(): void {
    const { signal, abortDelayMs } = this.parts;
    const reason = signal.reason as Error;
    // undici cannot be told before it has a connection, which may take long; it is when it has.
    if (this.#controller === undefined) return this.giveUpConnecting(reason);
    const delayMs = abortDelayMs?.() ?? 0;
    if (delayMs === 0) this.abort(reason);
    else this.#timer = setTimeout(() => this.abort(reason), delayMs);
  }
}

const unwanted = (): Error => new Error('Nobody waits for this answer any more.');

/** Some dispatchers lose the head that follows an interim one. */
function withoutHead(): Error {
  return Object.assign(new Error('The answer ended without a head.'), { code: 'NO_HEAD' });
}

/** A header may come several times. */
function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
