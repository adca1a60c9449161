import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import type { EmulatedCloud } from './emulated-cloud.js';
import { Exchange } from './exchange.js';
import { serve } from './serve.js';

const HOST = '127.0.0.1';
/** Longer than clients keep idle connections, so that they do not use one that is being closed. */
const KEEP_ALIVE_MS = 120_000;

/** The HTTP server in front of an emulated cloud. */
export class HttpFront {
  readonly #server: Server;
  readonly #underWay = new Map<Exchange, Promise<void>>();

  /** Does not listen yet. */
  constructor(cloud: EmulatedCloud) {
    this.#server = createServer((request, response) => {
      const exchange = new Exchange(request, response);
      const served = serve(exchange, cloud).finally(() => this.#underWay.delete(exchange));
      this.#underWay.set(exchange, served);
    });
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
    this.#server.requestTimeout = 0;
  }

  /** Listens on 127.0.0.1, and answers the address. @throws {Error} naming the port when it cannot be had */
  async listen(port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', error => reject(toPortError(error, port)));
      this.#server.listen(port, HOST, resolve);
    });
    const address = this.#server.address() as AddressInfo;
    return `http://${HOST}:${address.port}`;
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
    await closed;
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
  );
}
