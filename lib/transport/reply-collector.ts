import type { Dispatcher } from 'undici';
import { RequestHandler, type RequestHandlerParts, type ResponseHead } from './request-handler.js';

/** A whole answer, of whose body the beginning was kept. */
export interface HttpReply extends ResponseHead {
  /** The body as UTF-8 text. */
  readonly text: string;
}

/** Collects the answer to one request without a stream in between, which for a short answer would cost more than the answer. */
export class ReplyCollector extends RequestHandler<HttpReply> {
  readonly #maxBytes: number;
  readonly #pieces: Buffer[] = [];
  #bytes = 0;

  /** Made for one request. Of the body, `maxBytes` are kept; the rest is not waited for. */
  constructor(parts: RequestHandlerParts<HttpReply>, maxBytes: number) {
    super(parts);
    this.#maxBytes = maxBytes;
  }

  protected override add(piece: Buffer, controller: Dispatcher.DispatchController): void {
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
    if (this.#bytes <= this.#maxBytes) return;
    this.onResponseEnd();
    controller.abort(new Error('The rest of the answer is of no use.'));
  }

  protected override end(head: ResponseHead): void {
    this.letGo();
    this.parts.resolve({ ...head, text: this.#bytes === 0 ? '' : this.#toText() });
  }

  #toText(): string {
    const [first, ...others] = this.#pieces;
    const bytes = first !== undefined && others.length === 0 ? first : Buffer.concat(this.#pieces);
    return bytes.toString('utf8', 0, Math.min(bytes.byteLength, this.#maxBytes));
  }
}
