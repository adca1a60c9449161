import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** Shared by the requests of a connection, as clients may send many without waiting. */
const endingsOf = new WeakMap<Socket, Set<() => void>>();

/** Tells whether a response has been given its whole answer, with a status below 400. */
export function isAnswered(response: ServerResponse): boolean {
  return response.writableEnded && response.statusCode < 400;
}

/**
 * Calls back once when a request has ended, with whether it was answered with success: the response
 * was given its whole answer, with a status below 400, while it was open. The transmission does not
 * count: `inject()` and bridges to functions confirm none, and an application that has answered
 * relies on its files, however much of the answer arrives.
 */
export function onRequestEnd(
  response: ServerResponse,
  callback: (isSuccess: boolean) => void,
): void {
  const connection = connectionOf(response);
  const end = (isWhole: boolean): void => {
    response.off('finish', onFinish);
    response.off('close', onClose);
    if (connection !== undefined) endingsOf.get(connection)?.delete(onClose);
    callback(isWhole && response.statusCode < 400);
  };
  const onFinish = (): void => end(!isHttp2(response) || response.writableEnded);
  const onClose = (): void => end(response.writableEnded);
  if (hasEnded(response) || connection?.destroyed === true) return onClose();
  // Before a bridge's own listener, which may emit 'close'.
  response.prependListener('finish', onFinish);
  response.on('close', onClose);
  if (connection !== undefined) onConnectionClose(connection, onClose);
}

/**
 * The response as the versions of HTTP have it: HTTP/2 emits `finish` for streams that were reset
 * as well.
 */
interface AnyResponse {
  readonly closed?: boolean;
  readonly destroyed?: boolean;
  readonly stream?: { readonly destroyed: boolean } | undefined;
}

function isHttp2(response: ServerResponse): boolean {
  return (response as AnyResponse).stream !== undefined;
}

/** Nothing will be heard any more from a response that has ended or closed before. */
function hasEnded(response: ServerResponse): boolean {
  const { closed, destroyed, stream }: AnyResponse = response;
  return response.writableEnded || [closed, destroyed, stream?.destroyed].includes(true);
}

/**
 * The connection that a response may have to wait for. HTTP/2 has a stream for each response, which
 * closes with it; what a bridge puts in the place of a connection tells nothing, and need not even
 * emit events.
 */
function connectionOf(response: ServerResponse): Socket | undefined {
  if (isHttp2(response)) return undefined;
  const { socket } = (response.req as Partial<ServerResponse['req']> | undefined) ?? {};
  return socket instanceof Socket ? socket : undefined;
}

/**
 * A response that waits behind others of its connection does not itself tell that the connection is
 * gone.
 */
function onConnectionClose(connection: Socket, callback: () => void): void {
  const known = endingsOf.get(connection);
  if (known !== undefined) {
    known.add(callback);
    return;
  }
  const endings = new Set([callback]);
  endingsOf.set(connection, endings);
  connection.once('close', () => {
    for (const each of endings) each();
  });
}
