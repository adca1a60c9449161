// The channels to the application: each opens one request, and reports its response and its end.
import { Agent, request } from 'node:http';
import { connect } from 'node:http2';

const CLOSED_LOOK_MS = 20;

/** HTTP/1.1: all clients share the connections, one request after the other. */
export class Http1Channel {
  #url;
  #agent;

  constructor(url, agent) {
    this.#url = url;
    this.#agent = agent;
  }

  /** Creates the state that the channels of all clients share. */
  static share() {
    return new Agent({ keepAlive: true });
  }

  open({ method, path, headers }) {
    const sent = request(`${this.#url}${path}`, { method, headers, agent: this.#agent });
    sent.setNoDelay(true);
    return sent;
  }

  /** Calls back for each chunk of the response and at its end, which ends the exchange. */
  listen(sent, { onChunk, onEnd, onBreak }) {
    sent.on('error', onBreak);
    sent.on('close', onBreak);
    sent.on('response', response => {
      response.on('data', onChunk);
      response.on('error', onBreak);
      response.on('end', () => {
        if (response.complete) onEnd(response.statusCode);
      });
    });
  }

  leave(sent) {
    sent.destroy();
  }

  describe(sent) {
    return sent.reusedSocket ? 'a connection used before' : 'a new connection';
  }

  /** Names the outcome of an exchange whose connection ended before the response. */
  nameBreak() {
    return 'cut';
  }

  close() {
    this.#agent.destroy();
  }
}

/**
 * Calls back when a stream is closed. Node's client emits no `close` if the server closes it while
 * bytes wait to be sent.
 */
function whenClosed(sent, callback) {
  if (sent.closed || sent.destroyed) return callback();
  setTimeout(() => whenClosed(sent, callback), CLOSED_LOOK_MS);
}

/** HTTP/2 without TLS, with a session for each client. */
export class Http2Channel {
  #url;
  #session;

  constructor(url) {
    this.#url = url;
  }

  static share() {
    return undefined;
  }

  open({ method, path, headers: { connection: _none, ...headers } }) {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed)
      this.#session = this.#connect();
    return this.#session.request({ ...headers, ':method': method, ':path': path });
  }

  /**
   * Calls back for each chunk. The exchange ends with its stream, so that a stream left open is
   * noticed.
   */
  listen(sent, { onChunk, onEnd, onBreak }) {
    const answer = { status: undefined, length: undefined, received: 0 };
    const settle = () => {
      const { status, length, received } = answer;
      const isWhole = status !== undefined && (length === undefined || received === length);
      if (isWhole && sent.rstCode === 0) onEnd(status);
      else onBreak(new Error(`stream closed with code ${sent.rstCode}`));
    };
    sent.on('response', ({ ':status': status, 'content-length': length }) =>
      Object.assign(answer, { status, length: length && Number(length) }),
    );
    sent.on('data', chunk => {
      answer.received += chunk.byteLength;
      onChunk(chunk);
    });
    sent.on('error', onBreak);
    sent.on('close', settle);
    sent.on('end', () => whenClosed(sent, settle));
  }

  /**
   * Leaves like a client that closes a tab, which cancels one stream, or one that closes its
   * connection.
   */
  leave(sent, { withConnection = false }) {
    if (withConnection) this.#session.destroy();
    else sent.close(8);
  }

  describe() {
    return 'a stream';
  }

  nameBreak() {
    return 'cut';
  }

  close() {
    this.#session?.destroy();
    this.#session = undefined;
  }

  #connect() {
    const session = connect(this.#url);
    // The streams report the error.
    session.on('error', () => {});
    return session;
  }
}

/** Spreads requests over the replicas that run, as a load balancer does. All clients share it. */
export class SpreadChannel extends Http1Channel {
  #replicas;
  #random;

  constructor(replicas, random) {
    super();
    this.#replicas = replicas;
    this.#random = random;
  }

  open(plan) {
    const replica = this.#replicas.pick(this.#random);
    const sent = replica.channel.open(plan);
    sent.replica = replica;
    plan.watch?.follow(replica);
    return sent;
  }

  nameBreak({ replica }) {
    return replica.isKilled ? 'killed' : 'cut';
  }

  close() {
    this.#replicas.disconnect();
  }
}
