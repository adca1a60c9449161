import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { Socket } from 'node:net';
import type { StorageContext } from '../storage/index.js';
import { RequestNote } from './request-note.js';

/**
 * As much of a refused request is read, so that its connection can go on and clients that send
 * before they read get an answer.
 */
export const MAX_DISCARDED_BYTES = 16_777_216;
/** The time that this may take. */
export const MAX_DISCARDING_MS = 5_000;
/**
 * The time a connection stays after its last answer: unread bytes make the kernel reset it, which
 * can overtake the answer.
 */
const LINGER_MS = 2_000;

/** The Node request of HTTP/1.1, or what stands for one in HTTP/2 and in bridges. */
type RefusedRequest = Pick<
  IncomingMessage,
  | 'complete'
  | 'destroyed'
  | 'readableEnded'
  | 'httpVersionMajor'
  | 'headers'
  | 'listenerCount'
  | 'on'
  | 'off'
  | 'once'
  | 'pause'
  | 'read'
  | 'resume'
>;

const notedDiscarding = new RequestNote<Promise<void>>('discarding');

/**
 * Reads on after a refusal and discards what comes, within limits: 16 MiB, and 5 seconds. Resolves
 * when the request has ended or a limit is reached, and at once when it cannot end within them,
 * over HTTP/2, where an answer needs no read request, and when the application closes.
 * `receivedBytes` says how much of the body has come already. Can be called again.
 */
export function discardRest(
  request: RefusedRequest,
  context: Pick<StorageContext, 'operations'>,
  receivedBytes = 0,
): Promise<void> {
  const known = notedDiscarding.read(request);
  if (known !== undefined) return known;
  const discarding = discardUpTo(request, context, receivedBytes);
  notedDiscarding.write(request, discarding);
  return discarding;
}

async function discardUpTo(
  request: RefusedRequest,
  { operations }: Pick<StorageContext, 'operations'>,
  receivedBytes: number,
): Promise<void> {
  if (isOver(request) || request.httpVersionMajor !== 1) return;
  // Whoever has such a listener is the only one who can read.
  if (request.listenerCount('readable') > 0) return;
  const announcedBytes = Number(request.headers['content-length'] ?? 0);
  if (announcedBytes - receivedBytes > MAX_DISCARDED_BYTES) return;
  const timeoutMs = MAX_DISCARDING_MS;
  const deadline = operations.start('discarding a refused request', { timeoutMs });
  try {
    await discard(request, deadline.signal);
  } finally {
    deadline.dispose();
  }
}

function discard(request: RefusedRequest, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    let leftBytes = MAX_DISCARDED_BYTES;
    const onData = (bytes: Uint8Array): void => {
      leftBytes -= bytes.byteLength;
      if (leftBytes < 0) end();
    };
    const end = (): void => {
      request.off('data', onData);
      for (const event of ['end', 'close', 'error']) request.off(event, end);
      signal.removeEventListener('abort', end);
      if (!isOver(request)) request.pause();
      resolve();
    };
    if (signal.aborted) return end();
    signal.addEventListener('abort', end);
    for (const event of ['end', 'close', 'error']) request.once(event, end);
    request.on('data', onData);
    request.resume();
  });
}

/**
 * Has the connection of a request that was not read to its end closed once the answer is out: what
 * is left of the request would stand in the way of the next one. It is not read any more, and the
 * client is given time to see the answer. Over HTTP/2 it is the stream that ends. Does nothing for
 * a request that was read.
 */
export function closeAfterAnswer(request: RefusedRequest, response: ServerResponse): void {
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
export function endStreamWithAnswer(request: RefusedRequest, response: ServerResponse): void {
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

/**
 * True when nothing more of a request is to come. Bridges give requests that do not say whether
 * they are complete.
 */
function isOver({ complete, readableEnded, destroyed }: RefusedRequest): boolean {
  return complete === true || readableEnded || destroyed;
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
