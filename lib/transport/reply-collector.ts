import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { firstOf, RequestHandler, type RequestHandlerParts } from './request-handler.js';

/** A whole answer, of whose body the beginning was kept. */
export interface HttpReply {
  /** The HTTP status. */
  readonly status: number;
  /** A header's value; the first one when it came several times. */
  header(name: string): string | undefined;
  /** The body as UTF-8 text. */
  readonly text: string;
}

/** Collects the answer to one request without a stream in between, which for a short answer would cost more than the answer. */
export class ReplyCollector extends RequestHandler<HttpReply> {
  readonly #maxBytes: number;
  readonly #pieces: Buffer[] = [];
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #bytes = 0;

  /** Made for one request. Of the body, `maxBytes` are kept; the rest is not waited for. */
  constructor(parts: RequestHandlerParts<HttpReply>, maxBytes: number) {
    super(parts);
    this.#maxBytes = maxBytes;
  }

  /** Called by undici. */
  override onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  /** Called by undici. */
  override onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
    if (this.#bytes <= this.#maxBytes) return;
    this.#finish();
    controller.abort(new Error('The rest of the answer is of no use.'));
  }

  /** Called by undici. */
  override onResponseEnd(): void {
    this.#finish();
  }

  #finish(): void {
    this.letGo();
    const headers = this.#headers;
    const text = Buffer.concat(this.#pieces).subarray(0, this.#maxBytes).toString('utf8');
    this.parts.resolve({ status: this.#status, header: name => firstOf(headers[name]), text });
  }
}
