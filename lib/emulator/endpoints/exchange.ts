import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { EmulatedResponse } from './responses.js';

/** The time for bytes to arrive before a reset, which discards bytes in flight. */
const RESET_GRACE_MS = 20;

/** The number of objects that an entry of the journal names. */
const MAX_NAMED_OBJECTS = 50;

/** The number of chunks per second of a slow response. */
const TRICKLES_PER_SECOND = 20;

/** The server that received a request, if it is not the emulator's main one. */
export type Via = 'sidecar' | undefined;

/** One request and its response. */
export class Exchange {
  /** The HTTP method. */
  readonly method: string;
  /** The path as it was sent, percent-encoded, without the query. */
  readonly path: string;
  /** The query; may contain secrets. */
  readonly query: URLSearchParams;
  /** The query as it was sent. */
  readonly search: string;
  /** The server that received it. */
  readonly via: Via;
  /** Aborts if the connection ends before the response is complete. */
  readonly signal: AbortSignal;
  /** The paths of the objects that the request names, as far as it has been read. */
  cloudPaths: readonly string[] = [];
  /** The number of bytes read from the request body. */
  requestBytes = 0;
  /** The number of bytes written to the response body. */
  responseBytes = 0;

  #bodyLimit = Infinity;
  #isCutShort = false;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  /** Creates an exchange without reading or writing. */
  constructor(request: IncomingMessage, response: ServerResponse, via?: Via) {
    this.via = via;
    this.#request = request;
    this.#response = response;
    this.method = request.method ?? 'GET';
    const [path = '/', ...query] = (request.url ?? '/').split('?');
    this.path = path;
    this.search = query.join('?');
    this.query = new URLSearchParams(this.search);
    const controller = new AbortController();
    this.signal = controller.signal;
    response.once('close', () => {
      if (!response.writableFinished) controller.abort();
    });
  }

  /** Returns a header of the request. */
  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** Notes the first objects that the request names, for the journal. */
  nameObjects(cloudPaths: readonly string[]): void {
    this.cloudPaths = Object.freeze([...new Set(cloudPaths)].slice(0, MAX_NAMED_OBJECTS));
  }

  /** The headers of the request by lower-case name. */
  get headers(): readonly (readonly [name: string, value: string])[] {
    return Object.entries(this.#request.headers).map(([name, value]) => [name, String(value)]);
  }

  /** The web site whose page sent the request; undefined for other clients and the same origin. */
  get origin(): string | undefined {
    return this.header('origin');
  }

  /** True if a browser sent the request. Image requests are known only by `Sec-Fetch-Site`. */
  get isFromBrowser(): boolean {
    return this.origin !== undefined || this.header('sec-fetch-site') !== undefined;
  }

  /** True if the status has been sent. */
  get hasResponded(): boolean {
    return this.#response.headersSent;
  }

  /**
   * The request body; can be read once.
   * @throws {Error} if the connection ends before the body does
   */
  async *body(): AsyncGenerator<Buffer> {
    // A caller that stops early resets the connection afterwards; it must not be closed normally
    // before that.
    for await (const chunk of this.#request.iterator({ destroyOnReturn: false })) {
      this.requestBytes += chunk.byteLength;
      yield chunk;
    }
  }

  /**
   * Limits the number of body bytes that {@link Exchange.drain} reads. Beyond the limit, the
   * response closes the connection.
   */
  limitBody(bytes: number): void {
    this.#bodyLimit = bytes;
  }

  /**
   * Reads the rest of the request body. A response that is sent earlier may not reach the client.
   */
  async drain(): Promise<void> {
    if (this.#request.readableEnded) return;
    for await (const chunk of this.body()) {
      void chunk;
      this.#isCutShort = this.requestBytes > this.#bodyLimit;
      if (this.#isCutShort) return;
    }
  }

  /** Reads at least `count` bytes of the request body, or all of it if it is shorter. */
  async readBytes(count: number): Promise<void> {
    if (count === 0) return;
    for await (const chunk of this.body()) {
      void chunk;
      if (this.requestBytes >= count) return;
    }
  }

  /** Waits for a time; returns early if the connection ends. */
  async pause(delayMs: number): Promise<void> {
    if (delayMs > 0) await wait(delayMs, undefined, { signal: this.signal }).catch(() => undefined);
  }

  /** Waits until the connection ends. */
  async hang(): Promise<void> {
    if (!this.signal.aborted) await once(this.signal, 'abort');
  }

  /** Sends a response. Calls `beforeEnd` before the last byte is written. */
  async send(response: EmulatedResponse, beforeEnd: () => void): Promise<void> {
    this.#writeHead(response);
    if (response.isEarly === true) this.#response.flushHeaders();
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

  /** Returns the response with a body that is sent slowly. */
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

  /** Sends the head and the first bytes of a response's body. */
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

  /** Resets the connection: the client sees `ECONNRESET`. */
  reset(): void {
    this.#request.socket.resetAndDestroy();
  }

  /** Closes the connection at once. */
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
