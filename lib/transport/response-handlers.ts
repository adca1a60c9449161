import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';

/** Read-ahead of a body: one chunk from the connection. */
const AHEAD_BYTES = 65_536;

/** The head of a response. */
interface ResponseHead {
  /** The HTTP status. */
  readonly status: number;
  /** Returns a header's value; the first one of several. */
  header(name: string): string | undefined;
  /** Returns the names of all headers, in lower case. */
  headerNames(): readonly string[];
}

/** A watcher of one request. */
export interface RequestWatcher {
  /** Called when the request is on a connection. */
  started(): void;
  /**
   * Called when the request was abandoned before it had a connection; the dispatcher may still have
   * it.
   */
  abandoned(): void;
  /** Called when the request has ended, and the dispatcher no longer has it. */
  ended(): void;
}

/** Dependencies of a handler of responses `T`. */
export interface RequestHandlerParts<T> {
  /** Ends the request. */
  readonly signal: AbortSignal;
  /**
   * Returns the delay of an abort in milliseconds; called when the abort comes.
   * @defaultValue 0
   */
  readonly abortDelayMs?: (() => number) | undefined;
  /** Called when the request is abandoned before it has a connection. */
  readonly onUnsent?: (() => void) | undefined;
  /** Notified of the progress of the request; each method may be called several times. */
  readonly watcher?: RequestWatcher | undefined;
  /** Turns an error of undici or a stream into a typed error. */
  readonly toError: (error: unknown) => Error;
  /** Called once with the response. */
  readonly resolve: (response: T) => void;
  /** Called once, when there will be no response. */
  readonly reject: (error: Error) => void;
}

/**
 * Receives undici's events of one request, and ends the request. It needs nothing else of a
 * dispatcher, so dispatchers of undici 8 and Node's own work too: undici 7's `request` sets options
 * that undici 8 refuses.
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

  /** Creates the handler of one request, whose signal is not aborted yet. */
  constructor(parts: RequestHandlerParts<T>) {
    this.parts = parts;
    this.#onAbort = () => this.#abortLater();
    parts.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Called by undici, perhaps several times before the request is sent. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Abandoned while it waited in a dispatcher, which cannot be informed.
    if (this.#isOver) {
      this.parts.watcher?.ended();
      return controller.abort(unwanted());
    }
    this.#controller = controller;
    this.parts.watcher?.started();
    if (this.parts.signal.aborted) this.abort(this.parts.signal.reason as Error);
  }

  /** Called by undici for each head, including interim ones (1xx), which are ignored. */
  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (this.#isOver) return controller.abort(unwanted());
    if (status < 200) return;
    this.#head = {
      status,
      header: name => firstOf(headers[name]),
      headerNames: () => Object.keys(headers),
    };
    this.begin(this.#head, controller);
  }

  /**
   * Called by undici; also for data on a connection that a dispatcher made for an abandoned
   * request.
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

  /** Called by undici, and when the request could not be sent at all. */
  onResponseError(_controller: unknown, error: unknown): void {
    this.release();
    this.fail(error);
  }

  /** Abandons a request without a connection, so that nothing of it is sent. */
  abandon(reason: Error): void {
    if (this.#controller !== undefined || this.#isOver) return;
    this.#isAbandoned = true;
    this.parts.onUnsent?.();
    this.abort(reason);
  }

  /** Ends a request that makes no progress. */
  giveUp(reason: Error): void {
    if (!this.#isOver) this.abort(reason);
  }

  /** Handles the head of the response. */
  protected begin(_head: ResponseHead, _controller: Dispatcher.DispatchController): void {}

  /** Handles the next bytes of the body. */
  protected abstract add(chunk: Buffer, controller: Dispatcher.DispatchController): void;

  /** Handles the end of the response. */
  protected abstract end(head: ResponseHead): void;

  /** Handles a failure before the end of the response. */
  protected fail(error: unknown): void {
    this.parts.reject(this.parts.toError(error));
  }

  /**
   * Ends the request at once. A dispatcher that is about to connect again would not report the end.
   */
  protected abort(reason: Error): void {
    this.#controller?.abort(reason);
    this.onResponseError(undefined, reason);
  }

  /** Detaches the signal; the rest of the response is no longer needed. */
  protected release(): void {
    const isAbandoned = this.#isAbandoned && !this.#isOver;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.parts.signal.removeEventListener('abort', this.#onAbort);
    if (isAbandoned) this.parts.watcher?.abandoned();
    else this.parts.watcher?.ended();
  }

  #abortLater(): void {
    const { signal, abortDelayMs } = this.parts;
    const reason = signal.reason as Error;
    // undici can only be informed once it has a connection, which may take long.
    if (this.#controller === undefined) return this.abandon(reason);
    const delayMs = abortDelayMs?.() ?? 0;
    if (delayMs === 0) this.abort(reason);
    else this.#timer = setTimeout(() => this.abort(reason), delayMs);
  }
}

function unwanted(): Error {
  return new Error('The response is no longer needed.');
}

/**
 * Creates the error of a response without a head: some dispatchers lose the head that follows an
 * interim one.
 */
function withoutHead(): Error {
  return Object.assign(new Error('The response ended without a head.'), { code: 'NO_HEAD' });
}

/** Returns the first value of a header that may come several times. */
function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** The head of a response, with a body still to be read. */
export interface StreamedResponse extends ResponseHead {
  /** The body. It has to be read to its end or discarded, else its connection stays in use. */
  readonly body: Readable;
  /** Discards the body, so that its connection is free again. */
  discard(): void;
  /** Reads the body as UTF-8 text of at most `maxBytes`, and discards the rest. */
  readText(maxBytes: number): Promise<string>;
  /** Reads the first bytes of the body, `maxBytes` at most, and discards the rest. */
  readBytes(maxBytes: number): Promise<Buffer>;
  /** Turns an error of the body's stream into a typed error. */
  toError(error: unknown): Error;
}

/**
 * Resolves with the head of a response as soon as it arrives, and with its body as a stream with
 * back-pressure.
 */
export class StreamingHandler extends RequestHandler<StreamedResponse> {
  readonly #isHead: boolean;
  #body: ResponseBody | undefined;

  /** Creates the handler of one request; the response to a `HEAD` has no body. */
  constructor(parts: RequestHandlerParts<StreamedResponse>, isHead: boolean) {
    super(parts);
    this.#isHead = isHead;
  }

  protected override begin(head: ResponseHead, controller: Dispatcher.DispatchController): void {
    const body = new ResponseBody(controller);
    this.#body = body;
    // The reader of the body gets its errors; a discarded body has no reader.
    body.on('error', () => {});
    body.once('close', () => this.release());
    const { toError, resolve } = this.parts;
    resolve({
      ...head,
      body,
      // The response to HEAD has no body to wait for, and its connection can be used again.
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

  /** Destroys the body even if it has arrived completely: it must not be read on after an abort. */
  protected override abort(reason: Error): void {
    if (this.#body === undefined) super.abort(reason);
    else this.#body.destroy(reason);
  }

  protected override fail(error: unknown): void {
    const body = this.#body;
    if (body === undefined) return super.fail(error);
    // The receiver of the head must be able to listen for errors first.
    queueMicrotask(() => body.destroy(error as Error));
  }
}

/**
 * The body of one response, with back-pressure. If it is destroyed before its end, the request is
 * aborted.
 */
class ResponseBody extends Readable {
  /** The controller of the current connection; a dispatcher may change the connection. */
  #controller: Dispatcher.DispatchController;
  #isWhole = false;

  constructor(controller: Dispatcher.DispatchController) {
    super({ highWaterMark: AHEAD_BYTES });
    this.#controller = controller;
  }

  /** Adds the next bytes. */
  receive(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (!this.push(chunk)) controller.pause();
  }

  /** Marks the end of the body. */
  complete(): void {
    this.#isWhole = true;
    this.push(null);
  }

  override _read(): void {
    this.#controller.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.#isWhole)
      this.#controller.abort(error ?? new Error('The response is no longer read.'));
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

/** A whole response with the beginning of its body. */
export interface BufferedResponse extends ResponseHead {
  /** The body as UTF-8 text. */
  readonly text: string;
}

/**
 * Collects the response to one request without a stream, which would cost more than a short
 * response.
 */
export class BufferingHandler extends RequestHandler<BufferedResponse> {
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  /**
   * Creates the handler of one request. It keeps `maxBytes` of the body and does not wait for the
   * rest.
   */
  constructor(parts: RequestHandlerParts<BufferedResponse>, maxBytes: number) {
    super(parts);
    this.#maxBytes = maxBytes;
  }

  protected override add(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    if (this.#bytes <= this.#maxBytes) return;
    this.onResponseEnd();
    controller.abort(new Error('The rest of the response is not needed.'));
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
