import { once } from 'node:events';
import { connect } from 'node:net';
import { CLOUD_FAILED } from './outcomes.mjs';
import { betweenParts, intoFile, intoText, silent } from './slow-clients.mjs';

/** Clients that are active when the application closes and would not end by themselves. */
export const HOLDING = [intoText, intoFile, betweenParts, silent].map((plan, index) => ({
  name: `holds the close, ${['text', 'file', 'between parts', 'refused'][index]}`,
  expected: [408, 415, 'cut', ...CLOUD_FAILED],
  plan,
}));

/**
 * The beginnings of requests that never arrive: a head of HTTP/1.1, the preface of HTTP/2, and
 * nothing.
 */
const BEGINNINGS = {
  express: ['POST /one HTTP/1.1\r\nHost: soak\r\nX-', ''],
  fastify: ['POST /one HTTP/1.1\r\nHost: soak\r\nX-', ''],
  http2: ['PRI * HTTP/2.0\r\n', ''],
};

/** Opens connections without a complete request; resolves when all are open. */
export async function holdConnections(adapter, url) {
  const { hostname, port } = new URL(url);
  const sockets = BEGINNINGS[adapter].map(beginning => {
    const socket = connect(Number(port), hostname);
    // The clients wait for being disconnected.
    socket.on('error', () => {});
    socket.write(beginning);
    return socket;
  });
  await Promise.all(sockets.map(socket => once(socket, 'connect')));
  return sockets;
}
