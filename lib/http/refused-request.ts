import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { Socket } from 'node:net';
import { type MemoryBudget, MemoryShare } from '../body/memory-budget.js';
import { WxCloudStorageError } from '../errors/errors.js';
import { isOver, type RefusedRequest } from '../multipart/receive-form.js';

/** Soon, as what holds the memory goes to the storage, or ends for want of its client. */
const RETRY_AFTER_SECONDS = 2;
/**
 * The time a connection stays after its last answer: unread bytes make the kernel reset it, which
 * can overtake the answer.
 */
const LINGER_MS = 2_000;

/** Memory of one request for what cannot go to disk: the text of a form, a small answer. */
export class RequestMemory {
  readonly #budget: MemoryBudget;
  readonly #share: MemoryShare;

  /** Holds nothing yet. */
  constructor(budget: MemoryBudget) {
    this.#budget = budget;
    this.#share = new MemoryShare(budget);
  }

  /** As {@link assertRoomForForm}. */
  readonly assertRoom = (): void => assertRoomForForm(this.#budget);

  /**
   * Takes so many bytes.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_CAPACITY_EXCEEDED` when not enough are left
   */
  readonly take = (bytes: number): void => {
    if (!this.#share.reserveFirmly(bytes)) throw capacityExceeded();
  };

  /** Counts so many bytes, whether there are enough or not. */
  readonly count = (bytes: number): void => this.#share.count(bytes);

  /** Gives back so many, or all. */
  readonly release = (bytes?: number): void => this.#share.release(bytes);
}

/**
 * Refuses a form for which there is no memory, before it is read.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_CAPACITY_EXCEEDED`
 */
export function assertRoomForForm(budget: MemoryBudget): void {
  if (!budget.hasRoomForForm()) throw capacityExceeded();
}

/** Tells a client that is refused for want of capacity when to try again. */
export function announceRetry(response: ServerResponse, error: unknown): void {
  if (!isCapacityExceeded(error) || response.headersSent) return;
  response.setHeader('retry-after', String(RETRY_AFTER_SECONDS));
}

/**
 * True when a form was refused for want of capacity before anything of it was read: then nothing is
 * read of it either.
 */
export function isRefusedUnread({ readableDidRead }: IncomingMessage, error: unknown): boolean {
  return isCapacityExceeded(error) && !readableDidRead;
}

function isCapacityExceeded(error: unknown): boolean {
  return error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_CAPACITY_EXCEEDED';
}

function capacityExceeded(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_CAPACITY_EXCEEDED',
    message:
      'There is no memory left for this request: uploads hold all of upload.memoryBudgetBytes. Try again shortly; if it happens often, raise the option or add a replica.',
    retryable: true,
  });
}

/**
 * Has the connection of a request that was not read to its end closed once the answer is out: what
 * is left of the request would stand in the way of the next one. It is not read any more, and the
 * client is given time to see the answer. Over HTTP/2 it is the stream that ends. Does nothing for
 * a request that was read.
 */
export function closeAfterResponse(request: RefusedRequest, response: ServerResponse): void {
  if (isOver(request)) return;
  if (request.httpVersionMajor !== 1) return endStreamAfter(response);
  // Node reads to its end what nobody has begun to read.
  request.pause();
  request.read();
  if (!response.headersSent) response.setHeader('connection', 'close');
  lingerAtEnd(response.socket);
}

/**
 * Has the HTTP/2 stream of a request end with its answer, whoever gives that, also while more of
 * the request is to come: a guard, an outer interceptor that does not wait any longer. Over
 * HTTP/1.1 Node reads on and discards.
 */
export function endStreamWithResponse(request: RefusedRequest, response: ServerResponse): void {
  if (request.httpVersionMajor === 1) return;
  const { stream } = response as unknown as Partial<Http2ServerResponse>;
  stream?.once('finish', () => {
    if (!isOver(request)) stream.destroy();
  });
}

/**
 * Ends the body of a request for whoever reads it, though more of it may come: form parsers answer
 * only once it has ended. Where it comes from is not read any more.
 */
export function endBody(request: IncomingMessage): void {
  if (isOver(request)) return;
  const { stream } = request as unknown as Partial<Http2ServerRequest>;
  const source: { pause?(): unknown } | undefined = stream ?? request.socket;
  source?.pause?.();
  // Otherwise Node takes its end for an abort, and cuts the connection before there is an answer.
  if (stream === undefined) request.complete = true;
  request.push(null);
  request.resume();
}

/** Without this, the stream stays open for as long as the client does not end it. */
function endStreamAfter(response: ServerResponse): void {
  const { stream } = response as unknown as Http2ServerResponse;
  // The code NO_ERROR says that the answer is whole:
  // https://www.rfc-editor.org/rfc/rfc9113#section-8.1 The response itself tells that it has
  // finished only when the stream is closed.
  stream?.once('finish', () => stream.destroy());
}

/** Node closes the connection with this method after an answer that says so. */
function lingerAtEnd(socket: Socket | null): void {
  // A stand-in that a bridge provides is not closed.
  if (!(socket instanceof Socket)) return;
  socket.destroySoon = () => {
    socket.end();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  };
}
