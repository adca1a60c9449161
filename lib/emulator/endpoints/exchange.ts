import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { EmulatedResponse } from './responses.js';

/** How long bytes before a reset get to arrive: a reset discards what is still on its way. */
const RESET_GRACE_MS = 20;

/** How often a second a slow answer gives a piece. */
const TRICKLES_PER_SECOND = 20;

/** The address at which a request came in, when it is not the emulator's own. */
export type Via = 'sidecar' | undefined;

/** One request and its answer. */
export class Exchange {
  /** The HTTP method. */
  readonly method: string;
  /** The path as it was sent, percent-encoded, without the query. */
  readonly path: string;
  /** The query; may hold secrets. */
  readonly query: URLSearchParams;
  /** Where it came in. */
  readonly via: Via;
  /** Aborted when the connection ends before the answer was complete. */
  readonly signal: AbortSignal;
  /** The paths of the objects that the request is about, as far as they have been read. */
  cloudPaths: readonly string[] = [];
  /** How many bytes of the request's body were read. */
  requestBytes = 0;
  /** How many bytes of the answer's body were written. */
  responseBytes = 0;

  #bodyLimit = Infinity;
  #isCutShort = false;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  /** Neither reads nor writes yet. */
  constructor(request: IncomingMessage, response: ServerResponse, via?: Via) {
    this.via = via;
    this.#request = request;
    this.#response = response;
    this.method = request.method ?? 'GET';
    const [path = '/', ...query] = (request.url ?? '/').split('?');
    this.path = path;
    this.query = new URLSearchParams(query.join('?'));
    const controller = new AbortController();
    this.signal = controller.signal;
    response.once('close', () => {
      if (!response.writableFinished) controller.abort();
    });
  }

  /** A header of the request. */
  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /**
   * The web site whose page sent the request; undefined when it was no page, or one of the same
   * origin.
   */
  get origin(): string | undefined {
    return this.header('origin');
  }

  /** True when a browser sent the request. With an image of a page, only `Sec-Fetch-Site` tells. */
  get isFromBrowser(): boolean {
    return this.origin !== undefined || this.header('sec-fetch-site') !== undefined;
  }

  /** True when the status has been sent. */
  get hasResponded(): boolean {
    return this.#response.headersSent;
  }

  /** The request's body, to be read once. Throws when the connection ends before the body does. */
  async *body(): AsyncGenerator<Buffer> {
    // A caller that stops early goes on to reset the connection, which must not be closed in order
    // before.
    for await (const chunk of this.#request.iterator({ destroyOnReturn: false })) {
      this.requestBytes += chunk.byteLength;
      yield chunk;
    }
  }

  /**
   * Lets {@link Exchange.drain} stop after so many bytes of the body; the connection is then closed
   * with the answer.
   */
  limitBody(bytes: number): void {
    this.#bodyLimit = bytes;
  }

  /**
   * Reads what is left of the request's body: an answer before its end may never reach the client.
   */
  async drain(): Promise<void> {
    if (this.#request.readableEnded) return;
    for await (const chunk of this.body()) {
      void chunk;
      this.#isCutShort = this.requestBytes > this.#bodyLimit;
      if (this.#isCutShort) return;
    }
  }

  /** Reads the request's body until so many bytes have come, or it ends. */
  async readBytes(count: number): Promise<void> {
    if (count === 0) return;
    for await (const chunk of this.body()) {
      void chunk;
      if (this.requestBytes >= count) return;
    }
  }

  /** Lets time pass; returns early when the connection ends. */
  async pause(delayMs: number): Promise<void> {
    if (delayMs > 0) await wait(delayMs, undefined, { signal: this.signal }).catch(() => undefined);
  }

  /** Resolves when the connection ends. */
  async hang(): Promise<void> {
    if (!this.signal.aborted) await once(this.signal, 'abort');
  }

  /** Sends an answer. `beforeEnd` is called before its last byte is written. */
  async send(response: EmulatedResponse, beforeEnd: () => void): Promise<void> {
    this.#writeHead(response);
    let last: Buffer | undefined;
    for await (const chunk of this.#chunksOf(response)) {
      if (last !== undefined) await this.#write(last);
      last = chunk;
    }
    this.responseBytes += last?.byteLength ?? 0;
    beforeEnd();
    if (last === undefined) this.#response.end();
    else this.#response.end(last);
  }

  /** The same answer, with a body that takes its time. */
  slowDown(response: EmulatedResponse, bytesPerSecond: number): EmulatedResponse {
    return { ...response, body: this.#trickle(this.#chunksOf(response), bytesPerSecond) };
  }

  async *#trickle(
    chunks: Iterable<Buffer> | AsyncIterable<Buffer>,
    bytesPerSecond: number,
  ): AsyncGenerator<Buffer> {
    const step = Math.max(1, Math.round(bytesPerSecond / TRICKLES_PER_SECOND));
    for await (const chunk of chunks) {
      for (let start = 0; start < chunk.byteLength; start += step) {
        const slice = chunk.subarray(start, start + step);
        await this.pause((slice.byteLength / bytesPerSecond) * 1_000);
        yield slice;
      }
    }
  }

  /** Sends the head and the first bytes of an answer's body. */
  async sendFirst(response: EmulatedResponse, count: number): Promise<void> {
    this.#writeHead(response);
    this.#response.flushHeaders();
    for await (const chunk of this.#chunksOf(response)) {
      const left = count - this.responseBytes;
      await this.#write(chunk.subarray(0, left));
      if (chunk.byteLength >= left) break;
    }
    await wait(RESET_GRACE_MS, undefined, { signal: this.signal }).catch(() => undefined);
  }

  /** Resets the connection, so that the client sees `ECONNRESET`. */
  reset(): void {
    this.#request.socket.resetAndDestroy();
  }

  /** Cuts the connection. */
  abort(): void {
    this.#request.socket.destroy();
  }

  #writeHead({ status, headers }: EmulatedResponse): void {
    const closing = this.#isCutShort ? { Connection: 'close' } : {};
    this.#response.writeHead(status, { ...headers, ...closing });
  }

  #chunksOf({ body }: EmulatedResponse): Iterable<Buffer> | AsyncIterable<Buffer> {
    if (this.method === 'HEAD') return [];
    return Buffer.isBuffer(body) ? [body].filter(chunk => chunk.byteLength > 0) : body;
  }

  async #write(chunk: Buffer): Promise<void> {
    this.signal.throwIfAborted();
    this.responseBytes += chunk.byteLength;
    if (!this.#response.write(chunk)) await once(this.#response, 'drain', { signal: this.signal });
  }
}
