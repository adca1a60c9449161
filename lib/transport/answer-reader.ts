import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { RequestHandler, type RequestHandlerParts, type ResponseHead } from './request-handler.js';

/** The head of an answer, with its body still to be read. */
export interface HttpAnswer extends ResponseHead {
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

/** So much of a body is read ahead, which is one piece from the connection. */
const AHEAD_BYTES = 65_536;

/** Gives the head of an answer as soon as it is there, and its body as a stream that the connection waits for. */
export class AnswerReader extends RequestHandler<HttpAnswer> {
  readonly #isHead: boolean;
  #body: AnswerBody | undefined;

  /** Made for one request; the answer to a `HEAD` has no body. */
  constructor(parts: RequestHandlerParts<HttpAnswer>, isHead: boolean) {
    super(parts);
    this.#isHead = isHead;
  }

  protected override begin(head: ResponseHead, controller: Dispatcher.DispatchController): void {
    const body = new AnswerBody(controller);
    this.#body = body;
    // Whoever reads the body gets its errors; a body that is given up has nobody left to tell.
    body.on('error', () => {});
    body.once('close', () => this.letGo());
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

  protected override add(piece: Buffer, controller: Dispatcher.DispatchController): void {
    this.#body?.receive(piece, controller);
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

/** The body of one answer: read as fast as its reader does, and given up with its connection when it is destroyed before its end. */
class AnswerBody extends Readable {
  /** Of the connection that gives it; a dispatcher may go on with another one. */
  #controller: Dispatcher.DispatchController;
  #isWhole = false;

  constructor(controller: Dispatcher.DispatchController) {
    super({ highWaterMark: AHEAD_BYTES });
    this.#controller = controller;
  }

  /** The next bytes have come. */
  receive(piece: Buffer, controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (!this.push(piece)) controller.pause();
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
  toError: HttpAnswer['toError'],
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
