import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { promisify } from 'node:util';
import type { EmulatedCloud } from './emulated-cloud.js';
import { Exchange, type Via } from './exchange.js';
import { serve } from './serve.js';
import { SIDECAR_CERTIFICATE, SIDECAR_KEY } from './sidecar-certificate.js';

/** Which address of the emulator a server is. */
export interface Entrance {
  /** What its requests are marked with. @defaultValue undefined: the emulator's own address */
  readonly via?: Via;
  /** Whether it speaks https, with a certificate that nobody trusts. @defaultValue false */
  readonly isTls?: boolean;
}

const HOST = '127.0.0.1';
/** Longer than clients keep idle connections, so that they do not use one that is being closed. */
const KEEP_ALIVE_MS = 120_000;

/** An HTTP server in front of an emulated cloud. */
export class HttpFront {
  readonly #server: Server;
  readonly #scheme: 'http' | 'https';
  readonly #underWay = new Map<Exchange, Promise<void>>();
  readonly #sockets = new Set<Socket>();

  /** Does not listen yet. */
  constructor(cloud: EmulatedCloud, { via, isTls = false }: Entrance = {}) {
    const listener: RequestListener = (request, response) => {
      const exchange = new Exchange(request, response, via);
      const served = serve(exchange, cloud).finally(() => this.#underWay.delete(exchange));
      this.#underWay.set(exchange, served);
    };
    this.#scheme = isTls ? 'https' : 'http';
    this.#server = isTls
      ? createTlsServer({ cert: SIDECAR_CERTIFICATE, key: SIDECAR_KEY }, listener)
      : createServer(listener);
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
    this.#server.requestTimeout = 0;
    this.#server.on('connection', socket => this.#track(socket));
  }

  /** Listens on 127.0.0.1, and answers the address. @throws {Error} naming the port when it cannot be had */
  async listen(port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', error => reject(toPortError(error, port)));
      this.#server.listen(port, HOST, resolve);
    });
    const address = this.#server.address() as AddressInfo;
    return `${this.#scheme}://${HOST}:${address.port}`;
  }

  /** How many connections are open. */
  countConnections(): Promise<number> {
    return promisify(this.#server.getConnections.bind(this.#server))();
  }

  /** Cuts the requests under way, and waits until they have ended. */
  async abortRequests(): Promise<void> {
    for (const exchange of this.#underWay.keys()) exchange.abort();
    await Promise.all(this.#underWay.values());
  }

  /** Cuts all connections, and gives the port up. */
  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve));
    await this.abortRequests();
    this.#server.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** A connection that has not got through its TLS handshake is none to `closeAllConnections`. */
  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

function toPortError(error: NodeJS.ErrnoException, port: number): Error {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'is taken',
    EACCES: 'needs rights that this process does not have',
  };
  const reason = reasons[error.code ?? ''] ?? `cannot be had (${error.code})`;
  return new Error(
    `startWxCloudEmulator: port ${port} of ${HOST} ${reason}. Choose another one, or leave it out for a free one.`,
    { cause: error },
  );
}
