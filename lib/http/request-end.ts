import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { isWrittenWhole } from './held-response.js';

/**
 * The end of a request: its response was written completely with a status below 400, or with
 * another status, or its client has left before.
 */
export type RequestEnd = 'answered' | 'refused' | 'left';

/** The end listeners of a connection's requests: with pipelining there may be many. */
const endingsOf = new WeakMap<Socket, Set<() => void>>();

/** True when a response was written completely, with a status below 400. */
export function isAnswered(response: ServerResponse): boolean {
  return isWrittenWhole(response) && response.statusCode < 400;
}

/**
 * Calls back once when a request has ended. It is answered when the response was written completely
 * while it was open. Transmission does not count: `inject()` and serverless bridges do not confirm
 * it, and an application that has responded relies on its files, however much of the response
 * arrives.
 */
export function onRequestEnd(response: ServerResponse, callback: (end: RequestEnd) => void): void {
  const connection = connectionOf(response);
  const end = (isWhole: boolean): void => {
    response.off('finish', onFinish);
    response.off('close', onClose);
    if (connection !== undefined) endingsOf.get(connection)?.delete(onClose);
    if (!isWhole) callback('left');
    else callback(response.statusCode < 400 ? 'answered' : 'refused');
  };
  const onFinish = (): void => end(!isHttp2(response) || isWrittenWhole(response));
  const onClose = (): void => end(isWrittenWhole(response));
  if (hasEnded(response) || connection?.destroyed === true) return onClose();
  // Runs before a bridge's own listener, which may emit 'close'.
  response.prependListener('finish', onFinish);
  response.on('close', onClose);
  if (connection !== undefined) onConnectionClose(connection, onClose);
}

/**
 * The HTTP/1.1 and HTTP/2 members of a response: HTTP/2 emits `finish` for streams that were reset,
 * too.
 */
interface AnyResponse {
  readonly closed?: boolean;
  readonly destroyed?: boolean;
  readonly stream?: { readonly destroyed: boolean } | undefined;
}

function isHttp2(response: ServerResponse): boolean {
  return (response as AnyResponse).stream !== undefined;
}

/** True when a response has already ended or closed, and emits no more events. */
function hasEnded(response: ServerResponse): boolean {
  const { closed, destroyed, stream }: AnyResponse = response;
  return isWrittenWhole(response) || [closed, destroyed, stream?.destroyed].includes(true);
}

/**
 * Returns the connection that a response may have to wait for. An HTTP/2 response has a stream of
 * its own, which closes with it. A bridge's stand-in for a connection is ignored: it need not even
 * emit events.
 */
function connectionOf(response: ServerResponse): Socket | undefined {
  if (isHttp2(response)) return undefined;
  const { socket } = (response.req as Partial<ServerResponse['req']> | undefined) ?? {};
  return socket instanceof Socket ? socket : undefined;
}

/**
 * Watches the connection, as a response that is queued behind others emits nothing when the
 * connection closes.
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
