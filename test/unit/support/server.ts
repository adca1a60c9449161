import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { HttpTransport } from '../../../lib/transport/http-client.js';
import { afterThisTest } from '../../support/after-test.js';

/** Listens on a free port of the loopback until the test ends. */
export async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', socket => sockets.add(socket));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  afterThisTest(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise(resolve => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** An HTTP server of the running test's own; resolves with its base address. */
export async function serve(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(listener))}`;
}

/** A server with one response for every request, and the requests it received. */
export async function serveResponse(
  body: string,
  { status = 200, type = 'application/json' } = {},
): Promise<{ readonly url: string; readonly requests: SeenRequest[] }> {
  const requests: SeenRequest[] = [];
  const url = await serve((request, response) => {
    void readRequest(request).then(seen => {
      requests.push(seen);
      return response.writeHead(status, { 'content-type': type }).end(body);
    });
  });
  return { url, requests };
}

/** A request as a server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** The only request that was seen; fails when there were none or more. */
export function onlyOf(requests: readonly SeenRequest[]): SeenRequest {
  const [request] = requests;
  if (request === undefined || requests.length > 1) throw new Error(`${requests.length} requests`);
  return request;
}

/** Reads a request to its end. */
export async function readRequest(request: IncomingMessage): Promise<SeenRequest> {
  const { method = '', url = '', headers } = request;
  return { method, url, headers, body: Buffer.concat(await request.toArray()) };
}

const TIMEOUTS = { connectMs: 5_000, headersMs: 5_000, idleMs: 5_000, totalMs: 5_000 };

/** A transport that is closed when the test ends. */
export function openTransport(
  timeouts: Partial<typeof TIMEOUTS> = {},
  maxConnections = 256,
): HttpTransport {
  const transport = new HttpTransport({
    timeouts: { ...TIMEOUTS, ...timeouts },
    dispatcher: undefined,
    maxConnections,
  });
  afterThisTest(() => transport.close());
  return transport;
}

/** A signal that is never aborted. */
export const NEVER: AbortSignal = new AbortController().signal;
