import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { Socket } from 'node:net';
import { type MemoryBudget, MemoryShare } from '../body/memory-budget.js';
import { WxCloudStorageError } from '../errors/errors.js';
import { isReasonToGiveUp } from '../multipart/form-errors.js';
import { discardRest, isOver, type RefusedRequest } from '../multipart/receive-form.js';
import type { OperationRegistry } from '../operations/operation-registry.js';

/** A short time: what holds the memory is soon uploaded, or ends when its client does. */
const RETRY_AFTER_SECONDS = 2;
/**
 * The time a connection stays open after its last response: unread bytes make the kernel reset the
 * connection, and the reset can overtake the response.
 */
const LINGER_MS = 2_000;

/**
 * The memory that one request uses for data that cannot go to disk: the text of a form, a small
 * response.
 */
export class RequestMemory {
  readonly #budget: MemoryBudget;
  readonly #share: MemoryShare;

  /** Holds nothing at first. */
  constructor(budget: MemoryBudget) {
    this.#budget = budget;
    this.#share = new MemoryShare(budget);
  }

  /** Calls {@link assertRoomForForm}. */
  readonly assertRoom = (): void => assertRoomForForm(this.#budget);

  /**
   * Reserves memory.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_CAPACITY_EXCEEDED` when not enough is left
   */
  readonly take = (bytes: number): void => {
    if (!this.#share.reserveFirmly(bytes)) throw capacityExceeded();
  };

  /** Counts memory as used, even beyond the budget. */
  readonly count = (bytes: number): void => this.#share.count(bytes);

  /** Releases the given number of bytes, or all. */
  readonly release = (bytes?: number): void => this.#share.release(bytes);
}

/**
 * Refuses a form before it is read when there is no memory for it.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_CAPACITY_EXCEEDED`
 */
export function assertRoomForForm(budget: MemoryBudget): void {
  if (!budget.hasRoomForForm()) throw capacityExceeded();
}

/** Sets `Retry-After` on the response to a request that was refused for lack of capacity. */
export function announceRetry(response: ServerResponse, error: unknown): void {
  if (!isCapacityExceeded(error) || response.headersSent) return;
  response.setHeader('retry-after', String(RETRY_AFTER_SECONDS));
}

/**
 * Ends a refused request: reads the rest of its form, where that is useful, and closes its
 * connection if more is to come. Without `operations` the rest is not read. Resolves when the
 * response may be sent: at once for a form of known length that was refused before it was read.
 */
export async function endRefused(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  operations: Pick<OperationRegistry, 'start'> | undefined,
): Promise<void> {
  announceRetry(response, error);
  if (operations !== undefined && !isReasonToGiveUp(error) && !isRefusedUnread(request, error)) {
    const isUnread = !request.readableDidRead && request.headers['content-length'] !== undefined;
    const discarding = discardRest(request, operations);
    // Over HTTP/2 nothing is discarded, and the connection has other requests.
    const isOwn = request.httpVersionMajor === 1;
    if (isOwn && isUnread && request.readableFlowing === true) {
      return closeBehindResponse(request, response, discarding);
    }
    await discarding;
  }
  closeAfterResponse(request, response);
}

/**
 * Lets a response be sent while the rest of its request is discarded. A connection that ends with
 * the response is closed after that, as unread bytes would make the kernel reset it; so is one
 * whose request goes on even then.
 */
function closeBehindResponse(
  request: IncomingMessage,
  response: ServerResponse,
  discarding: Promise<void>,
): void {
  const { socket } = request;
  if (!(socket instanceof Socket)) return;
  let isEnded = false;
  socket.destroySoon = () => {
    isEnded = true;
    socket.end();
  };
  const endConnection = (): void => {
    delete (socket as Partial<Socket>).destroySoon;
    // The timer of its end would keep the process running.
    if (socket.destroyed) return;
    const isUnfinished = !isOver(request);
    if (isUnfinished) {
      closeAfterResponse(request, response);
      lingerAtEnd(socket);
    }
    if (isEnded || (isUnfinished && response.writableFinished)) socket.destroySoon();
    else if (isUnfinished) response.once('finish', () => socket.destroySoon());
  };
  void discarding.then(endConnection);
}

/**
 * True when a form was refused for lack of capacity before any of it was read: then none of it is
 * read later either.
 */
function isRefusedUnread({ readableDidRead }: IncomingMessage, error: unknown): boolean {
  return isCapacityExceeded(error) && !readableDidRead;
}

function isCapacityExceeded(error: unknown): boolean {
  return error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_CAPACITY_EXCEEDED';
}

function capacityExceeded(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_CAPACITY_EXCEEDED',
    message:
      'There is no memory left for this request: uploads use all of upload.memoryBudgetBytes. Try again shortly; if it happens often, raise the option or add a replica.',
    retryable: true,
  });
}

/**
 * Closes the connection of a partly read request after the response: the rest of the request would
 * block the next one. It is not read any further, and the client gets time to read the response.
 * Over HTTP/2 only the stream is closed. Does nothing for a request that was read to its end.
 */
export function closeAfterResponse(request: RefusedRequest, response: ServerResponse): void {
  if (isOver(request)) return;
  if (request.httpVersionMajor !== 1) return endStreamAfter(response);
  // Node reads a request to its end if its body was never read.
  request.pause();
  request.read();
  if (!response.headersSent) response.setHeader('connection', 'close');
  lingerAtEnd(response.socket);
}

/**
 * Ends the HTTP/2 stream of a request with its response, even while more of the request is to come,
 * no matter what sends the response: a guard, or an outer interceptor with a timeout. Over HTTP/1.1
 * Node reads and discards the rest.
 */
export function endStreamWithResponse(request: RefusedRequest, response: ServerResponse): void {
  if (request.httpVersionMajor === 1) return;
  const { stream } = response as unknown as Partial<Http2ServerResponse>;
  stream?.once('finish', () => {
    if (!isOver(request)) stream.destroy();
  });
}

/**
 * Ends the body of a request early for its reader: form parsers respond only after the body has
 * ended. The source is not read any further.
 */
export function endBody(request: IncomingMessage): void {
  if (isOver(request)) return;
  const { stream } = request as unknown as Partial<Http2ServerRequest>;
  const source: { pause?(): unknown } | undefined = stream ?? request.socket;
  source?.pause?.();
  // Otherwise Node treats the end as an abort, and closes the connection before the response.
  if (stream === undefined) request.complete = true;
  request.push(null);
  request.resume();
}

/** Closes the stream after the response. Otherwise it stays open until the client ends it. */
function endStreamAfter(response: ServerResponse): void {
  const { stream } = response as unknown as Http2ServerResponse;
  // The code NO_ERROR marks the response as complete:
  // https://www.rfc-editor.org/rfc/rfc9113#section-8.1 The response itself emits 'finish' only when
  // the stream is closed.
  stream?.once('finish', () => stream.destroy());
}

/** Delays the method with which Node closes the connection after a `Connection: close` response. */
function lingerAtEnd(socket: Socket | null): void {
  // The socket stand-in of a bridge is not closed.
  if (!(socket instanceof Socket)) return;
  socket.destroySoon = () => {
    socket.end();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  };
}
