import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Shared by the requests of a connection, as clients may send many without waiting. */
const endingsOf = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back once when a request has ended, and says whether a success was sent to its end. A response that waits behind
 * others of its connection does not itself tell that the connection is gone, so that is watched as well.
 */
export function onRequestEnd(
  response: ServerResponse,
  callback: (isSuccess: boolean) => void,
): void {
  const { socket } = response.req;
  const end = (): void => {
    response.off('finish', end);
    response.off('close', end);
    endingsOf.get(socket)?.delete(end);
    callback(response.writableFinished && response.statusCode < 400);
  };
  if (response.closed || socket.destroyed) return end();
  response.on('finish', end);
  response.on('close', end);
  onSocketClose(socket, end);
}

function onSocketClose(socket: Socket, end: () => void): void {
  const known = endingsOf.get(socket);
  if (known !== undefined) {
    known.add(end);
    return;
  }
  const endings = new Set([end]);
  endingsOf.set(socket, endings);
  socket.once('close', () => {
    for (const each of endings) each();
  });
}
