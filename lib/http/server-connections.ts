import { performance } from 'node:perf_hooks';
import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse, ServerHttp2Session } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

/**
 * The time from the start of a shutdown until connections that wait for their client are closed:
 * just within the 10 seconds that a shutdown may take.
 */
const CUT_AFTER_MS = 9_500;
/** The interval of later rounds: a response may be sent later, and then wait for its client. */
const RECUT_MS = 500;

/** A timer that fires later than this means that the process was blocked. */
const HELD_UP_MS = 100;

/**
 * A Node socket, with the parser that Node's HTTP/1.1 server keeps there until a connection is
 * upgraded.
 */
type HttpSocket = Socket & { readonly parser?: object | null };

/**
 * Closes the connections that would keep a server from closing. Node waits for all of them without
 * a limit: for headers and bodies that never arrive, responses that are not read, and HTTP/2
 * sessions without a stream. Requests that the application still works on, and connections that it
 * has upgraded, are left alone.
 */
export class ServerConnections {
  /** TLS handshakes in progress, by the client's address. */
  readonly #handshakes = new Map<string, Socket>();
  readonly #sockets = new Set<HttpSocket>();
  /**
   * HTTP/2 sessions with the address of their socket: Node gives no access to a socket through its
   * session.
   */
  readonly #sessions = new Map<ServerHttp2Session, string>();
  readonly #responses = new Set<NodeResponse>();
  #timer: NodeJS.Timeout | undefined;

  /** Watches a server, which must not listen yet. */
  constructor(server: Server) {
    const isTls = server instanceof TlsServer;
    server.on('connection', isTls ? this.#onHandshake : this.#onSocket);
    if (isTls) server.on('secureConnection', this.#onSocket);
    server.on('session', this.#onSession);
    server.on('request', this.#onRequest);
  }

  /**
   * Starts the timer after which connections that wait for their client are closed. Later calls do
   * nothing.
   */
  startClosing(): void {
    if (this.#timer !== undefined) return;
    const dueMs = performance.now() + CUT_AFTER_MS;
    this.#timer = setTimeout(() => {
      // Lets responses go out first that were due before.
      if (performance.now() - dueMs > HELD_UP_MS) this.#cutLater();
      else this.#cutUntilStopped();
    }, CUT_AFTER_MS).unref();
  }

  /** Keeps HTTP/2 clients from opening further streams; a session ends with its last stream. */
  closeSessions(): void {
    for (const session of this.#sessions.keys()) session.close();
  }

  /** Stops the timer, after the server was closed. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #cutUntilStopped(): void {
    this.#cut();
    this.#cutLater();
  }

  #cutLater(): void {
    this.#timer = setTimeout(() => this.#cutUntilStopped(), RECUT_MS).unref();
  }

  #cut(): void {
    const worked = new Set<object>();
    for (const response of this.#responses) {
      if (!waitsForClient(response)) worked.add(channelOf(response));
      else if (isHttp2(response)) response.stream.destroy();
    }
    const cutSessions = [...this.#sessions].filter(([session]) => !worked.has(session));
    for (const [session] of cutSessions) session.destroy();
    // A session that was closed before waits for its client to end the connection, even when it is
    // destroyed.
    const cutAddresses = new Set(cutSessions.map(([, address]) => address));
    for (const socket of this.#sockets) {
      const isHttp = socket.parser !== undefined && socket.parser !== null;
      if (isHttp && !worked.has(socket)) socket.destroy();
      if (cutAddresses.has(addressOf(socket))) socket.destroy();
    }
    for (const socket of this.#handshakes.values()) socket.destroy();
  }

  readonly #onHandshake = (socket: Socket): void => {
    const address = addressOf(socket);
    this.#handshakes.set(address, socket);
    socket.once('close', () => this.#handshakes.delete(address));
  };

  readonly #onSocket = (socket: Socket): void => {
    this.#handshakes.delete(addressOf(socket));
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  };

  readonly #onSession = (session: ServerHttp2Session): void => {
    this.#sessions.set(session, addressOf(session.socket));
    session.once('close', () => this.#sessions.delete(session));
  };

  readonly #onRequest = (_: unknown, response: NodeResponse): void => {
    this.#responses.add(response);
    response.once('close', () => this.#responses.delete(response));
  };
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

type NodeResponse = ServerResponse | Http2ServerResponse;

function isHttp2(response: NodeResponse): response is Http2ServerResponse {
  return 'stream' in response;
}

/** Returns the connection that carries a response: its socket, or its HTTP/2 session. */
function channelOf(response: NodeResponse): object {
  return (isHttp2(response) ? response.stream.session : response.req.socket) ?? response;
}

/** True when the request or the response is incomplete because of the client. */
function waitsForClient(response: NodeResponse): boolean {
  return response.writableEnded || !response.req.complete;
}
