import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';

/** A whole answer, of whose body the beginning was kept. */
export interface HttpReply {
  /** The HTTP status. */
  readonly status: number;
  /** A header's value; the first one when it came several times. */
  header(name: string): string | undefined;
  /** The body as UTF-8 text. */
  readonly text: string;
}

/** What a reply is collected with. */
export interface ReplyCollectorParts {
  /** How many bytes of the body are kept; the rest is not waited for. */
  readonly maxBytes: number;
  /** Ends the request. */
  readonly signal: AbortSignal;
  /** How long an abort is to wait, in milliseconds, asked for when it comes. @defaultValue 0 */
  readonly abortDelayMs?: (() => number) | undefined;
  /** Called when it is aborted before there is a connection. */
  readonly onUnsent?: (() => void) | undefined;
  /** Called once with the reply. */
  readonly resolve: (reply: HttpReply) => void;
  /** Called once, when there is to be no reply. */
  readonly reject: (error: unknown) => void;
}

/** Collects the answer to one request without a stream in between, which for a short answer would cost more than the answer. */
export class ReplyCollector implements Dispatcher.DispatchHandler {
  readonly #parts: ReplyCollectorParts;
  readonly #pieces: Buffer[] = [];
  readonly #onAbort: () => void;
  #timer: NodeJS.Timeout | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #bytes = 0;

  /** Made for one request. */
  constructor(parts: ReplyCollectorParts) {
    this.#parts = parts;
    const { signal } = parts;
    this.#onAbort = () => this.#abortLater();
    if (signal.aborted) this.#giveUp();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Called by undici, perhaps several times before the request is sent. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#parts.signal.aborted) this.#abort();
  }

  /** Called by undici. */
  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  /** Called by undici. */
  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
    if (this.#bytes <= this.#parts.maxBytes) return;
    this.#finish();
    controller.abort(new Error('The rest of the answer is of no use.'));
  }

  /** Called by undici. */
  onResponseEnd(): void {
    this.#finish();
  }

  /** Called by undici, and by whoever could not send the request at all. */
  onResponseError(_controller: unknown, error: unknown): void {
    this.#dispose();
    this.#parts.reject(error);
  }

  #abortLater(): void {
    if (this.#controller === undefined) return this.#giveUp();
    const delayMs = this.#parts.abortDelayMs?.() ?? 0;
    if (delayMs === 0) this.#abort();
    else this.#timer = setTimeout(() => this.#abort(), delayMs);
  }

  /** undici cannot be told before it has a connection, which may take long; it is when it has. */
  #giveUp(): void {
    const { onUnsent, signal } = this.#parts;
    onUnsent?.();
    this.onResponseError(undefined, signal.reason);
  }

  #abort(): void {
    this.#controller?.abort(this.#parts.signal.reason as Error);
  }

  #dispose(): void {
    clearTimeout(this.#timer);
    this.#parts.signal.removeEventListener('abort', this.#onAbort);
  }

  #finish(): void {
    const { maxBytes, resolve } = this.#parts;
    this.#dispose();
    const headers = this.#headers;
    const text = Buffer.concat(this.#pieces).subarray(0, maxBytes).toString('utf8');
    resolve({ status: this.#status, header: name => firstOf(headers[name]), text });
  }
}

/** A header may come several times. */
export function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
