import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { promisify } from 'node:util';
import { Exchange, type Via } from '../endpoints/exchange.js';
import type { EmulatedCloud } from '../state/emulated-cloud.js';
import { serve } from './serve.js';

const HOST = '127.0.0.1';
/** Longer than clients keep idle connections, so that none reuses a connection being closed. */
const KEEP_ALIVE_MS = 120_000;

const PORT_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use',
  EACCES: 'needs privileges that this process does not have',
};

/**
 * The sidecar's certificate for https: self-signed, so that no client trusts it. It names 127.0.0.1
 * and `fake-sidecar.invalid`, and is valid from 2020 to 2120. Its key is published here and
 * protects nothing.
 */
export const SIDECAR_CERTIFICATE = toPem('CERTIFICATE', [
  'MIIB0jCCAXigAwIBAgIBATAKBggqhkjOPQQDAjBPMS4wLAYDVQQKDCVFbXVsYXRl',
  'ZCBXZUNoYXQgY2xvdWQgLSB3b3J0aCBub3RoaW5nMR0wGwYDVQQDDBRmYWtlLXNp',
  'ZGVjYXIuaW52YWxpZDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFow',
  'TzEuMCwGA1UECgwlRW11bGF0ZWQgV2VDaGF0IGNsb3VkIC0gd29ydGggbm90aGlu',
  'ZzEdMBsGA1UEAwwUZmFrZS1zaWRlY2FyLmludmFsaWQwWTATBgcqhkjOPQIBBggq',
  'hkjOPQMBBwNCAATfLWJH+EpjbRv5hmmKheGpV2vgFiajEAOqVDH38iTkEKh7bT60',
  '2LLgzvnB0TheR0u5OjzJvJjc5pJzHpNqoayxo0MwQTAPBgNVHREECDAGhwR/AAAB',
  'MA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFBwMxUF4qXjnj6VE+uLuoqEeGHjw',
  'MAoGCCqGSM49BAMCA0gAMEUCIFt6jc6BDDQwIRZriX3vmLYpOLi0HHwEnRS/uclc',
  'jUjGAiEAsFEMFy+fsBhXZW/9xcKRmrLJY+FPQ2pSCbuIsB6krTU=',
]);

/** The key of {@link SIDECAR_CERTIFICATE}. */
const SIDECAR_KEY = toPem('PRIVATE KEY', [
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg4UykRdhyPKdPZqcd',
  '6PFSBGbHGKTCaegcw0TDSCPQ6WWhRANCAATfLWJH+EpjbRv5hmmKheGpV2vgFiaj',
  'EAOqVDH38iTkEKh7bT602LLgzvnB0TheR0u5OjzJvJjc5pJzHpNqoayx',
]);

type Scheme = 'http' | 'https';

/** Assembles a PEM file. A complete key in a source file would alarm scanners for leaked keys. */
function toPem(label: string, lines: readonly string[]): string {
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/** An HTTP server in front of an emulated cloud. */
class EmulatorServer {
  readonly #server: Server;
  readonly #scheme: Scheme;
  readonly #running = new Map<Exchange, Promise<void>>();
  readonly #sockets = new Set<Socket>();

  /** Creates a server that does not listen yet. */
  constructor(cloud: EmulatedCloud, scheme: Scheme, via?: Via) {
    const listener: RequestListener = (request, response) => {
      const exchange = new Exchange(request, response, via);
      const served = serve(exchange, cloud).finally(() => this.#running.delete(exchange));
      this.#running.set(exchange, served);
    };
    this.#scheme = scheme;
    this.#server =
      scheme === 'https'
        ? createTlsServer({ cert: SIDECAR_CERTIFICATE, key: SIDECAR_KEY }, listener)
        : createServer(listener);
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
    this.#server.requestTimeout = 0;
    this.#server.on('connection', socket => this.#track(socket));
  }

  /**
   * Listens on 127.0.0.1 and returns the base URL.
   * @throws {Error} if the port cannot be used; the message names it
   */
  async listen(port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', error => reject(toPortError(error, port)));
      this.#server.listen(port, HOST, resolve);
    });
    const address = this.#server.address() as AddressInfo;
    return `${this.#scheme}://${HOST}:${address.port}`;
  }

  /** Returns the number of open connections. */
  countConnections(): Promise<number> {
    return promisify(this.#server.getConnections.bind(this.#server))();
  }

  /** Aborts running requests and waits until they have ended. */
  async abortRequests(): Promise<void> {
    for (const exchange of this.#running.keys()) exchange.abort();
    await Promise.all(this.#running.values());
  }

  /** Closes all connections and releases the port. */
  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve));
    await this.abortRequests();
    this.#server.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Tracks connections: `closeAllConnections` ignores those still in their TLS handshake. */
  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

function toPortError(error: NodeJS.ErrnoException, port: number): Error {
  const reason = PORT_PROBLEMS[error.code ?? ''] ?? `cannot be used (${error.code})`;
  return new Error(
    `startWxCloudEmulator: port ${port} of ${HOST} ${reason}. Choose another one, or omit the option to use a free port.`,
    { cause: error },
  );
}

/** The URLs of an emulated cloud. */
export interface EmulatorUrls {
  /** `api.weixin.qq.com`, the object storage and the downloads. */
  readonly url: string;
  /** The open API service (the sidecar). */
  readonly sidecarUrl: string;
  /** The open API service over https. */
  readonly sidecarTlsUrl: string;
}

/** All servers in front of an emulated cloud. */
export class EmulatorServers {
  readonly #main: EmulatorServer;
  readonly #sidecar: EmulatorServer;
  readonly #sidecarTls: EmulatorServer;

  /** Creates servers that do not listen yet. */
  constructor(cloud: EmulatedCloud) {
    this.#main = new EmulatorServer(cloud, 'http');
    this.#sidecar = new EmulatorServer(cloud, 'http', 'sidecar');
    this.#sidecarTls = new EmulatorServer(cloud, 'https', 'sidecar');
  }

  /**
   * Listens on 127.0.0.1; the open API service uses free ports.
   * @throws {Error} if the port cannot be used; the message names it
   */
  async listen(port: number): Promise<EmulatorUrls> {
    const url = await this.#main.listen(port);
    try {
      const sidecarUrl = await this.#sidecar.listen(0);
      return { url, sidecarUrl, sidecarTlsUrl: await this.#sidecarTls.listen(0) };
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Returns the number of open connections of all servers. */
  async countConnections(): Promise<number> {
    const counts = await Promise.all(this.#all.map(server => server.countConnections()));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Aborts running requests and waits until they have ended. */
  async abortRequests(): Promise<void> {
    await Promise.all(this.#all.map(server => server.abortRequests()));
  }

  /** Closes all connections and releases the ports. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map(server => server.close()));
  }

  get #all(): readonly EmulatorServer[] {
    return [this.#main, this.#sidecar, this.#sidecarTls];
  }
}
