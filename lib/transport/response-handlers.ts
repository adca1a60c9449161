import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';

/** So much of a body is read ahead, which is one piece from the connection. */
const AHEAD_BYTES = 65_536;

/** The head of an answer. */
interface ResponseHead {
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
  readonly resolve: (response: T) => void;
  /** Called once, when there is to be no answer. */
  readonly reject: (error: Error) => void;
}

/**
 * What undici tells of one request, and what ends it. All that is asked of a dispatcher is to tell
 * it, so that one of undici 8, or Node's own, will do: undici 7's `request` puts something into its
 * options that undici 8 refuses.
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

  /**
   * Called by undici; also for what comes on a connection that a dispatcher made after nobody
   * waited any more.
   */
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) controller.abort(unwanted());
    else if (this.#head !== undefined) this.add(chunk, controller);
  }

  /** Called by undici. */
  onResponseEnd(): void {
    if (this.#head === undefined) this.onResponseError(undefined, withoutHead());
    else this.end(this.#head);
  }

  /** Called by undici, and by whoever could not send the request at all. */
  onResponseError(_controller: unknown, error: unknown): void {
    this.release();
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
  protected abstract add(chunk: Buffer, controller: Dispatcher.DispatchController): void;

  /** It is there as a whole. */
  protected abstract end(head: ResponseHead): void;

  /** There is to be no answer, or no more of it. */
  protected fail(error: unknown): void {
    this.parts.reject(this.parts.toError(error));
  }

  /**
   * Ends the request at once. A dispatcher that is between two connections, to try again, would not
   * report that back.
   */
  protected abort(reason: Error): void {
    this.#controller?.abort(reason);
    this.onResponseError(undefined, reason);
  }

  /** The signal no longer concerns the request, and nobody waits for more of its answer. */
  protected release(): void {
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

function unwanted(): Error {
  return new Error('Nobody waits for this answer any more.');
}

/** Some dispatchers lose the head that follows an interim one. */
function withoutHead(): Error {
  return Object.assign(new Error('The answer ended without a head.'), { code: 'NO_HEAD' });
}

/** A header may come several times. */
function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** The head of an answer, with its body still to be read. */
export interface StreamedResponse extends ResponseHead {
  /** The body. It has to be read to its end or discarded, else its connection stays in use. */
  readonly body: Readable;
  /** Gives the body up, so that its connection is free again. */
  discard(): void;
  /** Reads the body as UTF-8 text of at most `maxBytes`; more is cut off. */
  readText(maxBytes: number): Promise<string>;
  /** Reads the first bytes of the body, at most so many, and gives up the rest. */
  readBytes(maxBytes: number): Promise<Buffer>;
  /** Turns what the body's stream threw into a typed error. */
  toError(error: unknown): Error;
}

/**
 * Gives the head of an answer as soon as it is there, and its body as a stream that the connection
 * waits for.
 */
export class StreamingHandler extends RequestHandler<StreamedResponse> {
  readonly #isHead: boolean;
  #body: ResponseBody | undefined;

  /** Made for one request; the answer to a `HEAD` has no body. */
  constructor(parts: RequestHandlerParts<StreamedResponse>, isHead: boolean) {
    super(parts);
    this.#isHead = isHead;
  }

  protected override begin(head: ResponseHead, controller: Dispatcher.DispatchController): void {
    const body = new ResponseBody(controller);
    this.#body = body;
    // Whoever reads the body gets its errors; a body that is given up has nobody left to tell.
    body.on('error', () => {});
    body.once('close', () => this.release());
    const { toError, resolve } = this.parts;
    resolve({
      ...head,
      body,
      // The answer to HEAD has no body to wait for, and its connection can be used again.
      discard: () => void (this.#isHead ? body.resume() : body.destroy()),
      readText: async maxBytes => (await readBytes(body, maxBytes, toError)).toString('utf8'),
      readBytes: maxBytes => readBytes(body, maxBytes, toError),
      toError,
    });
  }

  protected override add(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    this.#body?.receive(chunk, controller);
  }

  protected override end(): void {
    this.parts.watcher?.ended();
    this.#body?.complete();
  }

  /** A body that has come whole has nothing left to abort, but is not to be read on either. */
  protected override abort(reason: Error): void {
    if (this.#body === undefined) super.abort(reason);
    else this.#body.destroy(reason);
  }

  protected override fail(error: unknown): void {
    const body = this.#body;
    if (body === undefined) return super.fail(error);
    // Whoever has just been given the head is to have the chance to listen for errors first.
    queueMicrotask(() => body.destroy(error as Error));
  }
}

/**
 * The body of one answer: read as fast as its reader does, and given up with its connection when it
 * is destroyed before its end.
 */
class ResponseBody extends Readable {
  /** Of the connection that gives it; a dispatcher may go on with another one. */
  #controller: Dispatcher.DispatchController;
  #isWhole = false;

  constructor(controller: Dispatcher.DispatchController) {
    super({ highWaterMark: AHEAD_BYTES });
    this.#controller = controller;
  }

  /** The next bytes have come. */
  receive(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (!this.push(chunk)) controller.pause();
  }

  /** All of it has come. */
  complete(): void {
    this.#isWhole = true;
    this.push(null);
  }

  override _read(): void {
    this.#controller.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.#isWhole) this.#controller.abort(error ?? new Error('Nobody reads the answer.'));
    callback(error);
  }
}

async function readBytes(
  body: Readable,
  maxBytes: number,
  toError: StreamedResponse['toError'],
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size > maxBytes) break;
    }
  } catch (error) {
    throw toError(error);
  }
  return Buffer.concat(chunks).subarray(0, maxBytes);
}

/** A whole answer, of whose body the beginning was kept. */
export interface BufferedResponse extends ResponseHead {
  /** The body as UTF-8 text. */
  readonly text: string;
}

/**
 * Collects the answer to one request without a stream in between, which for a short answer would
 * cost more than the answer.
 */
export class BufferingHandler extends RequestHandler<BufferedResponse> {
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  /** Made for one request. Of the body, `maxBytes` are kept; the rest is not waited for. */
  constructor(parts: RequestHandlerParts<BufferedResponse>, maxBytes: number) {
    super(parts);
    this.#maxBytes = maxBytes;
  }

  protected override add(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    if (this.#bytes <= this.#maxBytes) return;
    this.onResponseEnd();
    controller.abort(new Error('The rest of the answer is of no use.'));
  }

  protected override end(head: ResponseHead): void {
    this.release();
    this.parts.resolve({ ...head, text: this.#bytes === 0 ? '' : this.#toText() });
  }

  #toText(): string {
    const [first, ...others] = this.#chunks;
    const bytes = first !== undefined && others.length === 0 ? first : Buffer.concat(this.#chunks);
    return bytes.toString('utf8', 0, Math.min(bytes.byteLength, this.#maxBytes));
  }
}
