import type { Agent, Dispatcher } from 'undici';
import type { Readable } from 'node:stream';
import { observed, requestChannel, type WxCloudRequestEvent } from '../diagnostics/index.js';
import type { ResolvedOptions } from '../options/index.js';
import { toConnectionError } from './connection-error.js';
import { untilAborted } from './deadline.js';
import type { RequestTarget } from './request-target.js';
import { firstOf, ReplyCollector, type HttpReply } from './reply-collector.js';

/** One HTTP request. */
export interface HttpCall {
  /** What is called, for errors: never the whole address, which may carry credentials. */
  readonly endpoint: string;
  /** The method. */
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** Where it goes. */
  readonly target: RequestTarget;
  /** Headers to send. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The body. An iterable is read once, with back-pressure. */
  readonly body?: Buffer | AsyncIterable<Uint8Array> | undefined;
  /** Ends the request, and the reading of its answer. */
  readonly signal: AbortSignal;
  /** How long an abort is to wait, in milliseconds, asked for when it comes; of {@link HttpTransport.exchange} only. @defaultValue 0 */
  readonly abortDelayMs?: () => number;
  /** Told when it is aborted before there is a connection, so that nothing of it can have arrived; of {@link HttpTransport.exchange} only. */
  readonly onUnsent?: () => void;
  /** Literals in the request that must not be shown. */
  readonly secrets?: readonly string[];
}

/** The head of an answer, with its body still to be read. */
export interface HttpAnswer {
  /** The HTTP status. */
  readonly status: number;
  /** A header's value; the first one when it came several times. */
  header(name: string): string | undefined;
  /** The body. It has to be read to its end or discarded, else its connection stays in use. */
  readonly body: Readable;
  /** Gives the body up, so that its connection is free again. */
  discard(): void;
  /** Reads the body as UTF-8 text of at most `maxBytes`; more is cut off. */
  readText(maxBytes: number): Promise<string>;
  /** Reads the first bytes of the body, at most so many, and gives up the rest. */
  readBytes(maxBytes: number): Promise<Buffer>;
  /** Turns what the body's stream threw into a typed error. */
  toError(error: unknown): Error;
}

/** Takes as long to load as all else together, and is not needed while an application starts. */
const loadUndici = (): Promise<typeof import('undici')> => import('undici');

/** Sends HTTP requests on pooled connections with the instance's time limits: the only user of undici. */
export class HttpTransport {
  readonly #options: Pick<ResolvedOptions, 'timeouts'>;
  readonly #givenDispatcher: Dispatcher | undefined;
  #ownAgent: Agent | undefined;

  /** Opens no connection yet. A given dispatcher is used as it is and never closed. */
  constructor(options: Pick<ResolvedOptions, 'timeouts' | 'dispatcher'>) {
    this.#options = options;
    // Given by shape, so that the application's undici may be another version than ours.
    this.#givenDispatcher = options.dispatcher as unknown as Dispatcher | undefined;
  }

  /** Loads what the first request would have to wait for. */
  async prepare(): Promise<void> {
    await this.#getDispatcher();
  }

  /**
   * Sends a request and resolves with the head of its answer, whatever its status.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_CONNECTION_FAILED`, `WX_CLOUD_REQUEST_TIMED_OUT`, or the signal's reason
   */
  send(call: HttpCall): Promise<HttpAnswer> {
    const { endpoint, method } = call;
    return observed<HttpAnswer, WxCloudRequestEvent>(
      requestChannel,
      () => this.#send(call),
      answer => ({ endpoint, method, ...(answer && { status: answer.status }) }),
    );
  }

  /**
   * Sends a request and resolves with its whole answer, whatever its status; of the body, `maxBytes` are kept.
   * @throws {@link WxCloudStorageError} as {@link HttpTransport.send} does
   */
  exchange(call: HttpCall, maxBytes: number): Promise<HttpReply> {
    const { endpoint, method } = call;
    return observed<HttpReply, WxCloudRequestEvent>(
      requestChannel,
      () => this.#exchange(call, maxBytes),
      reply => ({ endpoint, method, ...(reply && { status: reply.status }) }),
    );
  }

  /** Closes idle connections and cuts the others; a given dispatcher is left alone. */
  async close(): Promise<void> {
    await this.#ownAgent?.destroy();
  }

  get #dispatcher(): Dispatcher | undefined {
    return this.#givenDispatcher ?? this.#ownAgent;
  }

  async #getDispatcher(): Promise<Dispatcher> {
    if (this.#dispatcher !== undefined) return this.#dispatcher;
    const { Agent: AgentType } = await loadUndici();
    const { connectMs } = this.#options.timeouts;
    this.#ownAgent ??= new AgentType({ connect: { timeout: connectMs } });
    return this.#ownAgent;
  }

  #exchange(call: HttpCall, maxBytes: number): Promise<HttpReply> {
    const dispatcher = this.#dispatcher;
    if (dispatcher !== undefined) return this.#exchangeBy(dispatcher, call, maxBytes);
    return this.#getDispatcher().then(loaded => this.#exchangeBy(loaded, call, maxBytes));
  }

  #exchangeBy(dispatcher: Dispatcher, call: HttpCall, maxBytes: number): Promise<HttpReply> {
    const { timeouts } = this.#options;
    const { signal, abortDelayMs, onUnsent } = call;
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void =>
        reject(toConnectionError(error, { ...call, timeouts, secrets: call.secrets ?? [] }));
      const collector = new ReplyCollector({
        maxBytes,
        signal,
        abortDelayMs,
        onUnsent,
        resolve,
        reject: fail,
      });
      // The collector has refused it already.
      if (signal.aborted) return;
      try {
        dispatcher.dispatch(
          {
            origin: call.target.origin,
            path: call.target.path,
            method: call.method,
            headers: call.headers ?? {},
            // undici sends any async iterable; its types name only streams.
            body: (call.body ?? null) as Buffer | Readable | null,
            headersTimeout: timeouts.headersMs,
            bodyTimeout: timeouts.idleMs,
          },
          collector,
        );
      } catch (error) {
        collector.onResponseError(undefined, error);
      }
    });
  }

  async #send(call: HttpCall): Promise<HttpAnswer> {
    const { timeouts } = this.#options;
    const { target } = call;
    const failed = { ...call, timeouts, secrets: call.secrets ?? [] };
    const dispatcher = await this.#getDispatcher();
    const { request } = await loadUndici();
    try {
      const sent = request(`${target.origin}${target.path}`, {
        method: call.method,
        headers: { ...call.headers },
        // undici sends any async iterable; its types name only streams.
        body: (call.body ?? null) as Buffer | Readable | null,
        signal: call.signal,
        dispatcher,
        headersTimeout: timeouts.headersMs,
        bodyTimeout: timeouts.idleMs,
      });
      // undici itself waits for the connection before it takes notice of an abort.
      const { statusCode, headers, body } = await untilAborted(sent, call.signal);
      // Whoever reads the body gets its errors; a body that is given up has nobody left to tell.
      body.on('error', () => {});
      const toError = (error: unknown): Error => toConnectionError(error, failed);
      return {
        status: statusCode,
        header: name => firstOf(headers[name]),
        body,
        discard: () => discard(body, call.method),
        readText: async maxBytes => (await readBytes(body, maxBytes, toError)).toString('utf8'),
        readBytes: maxBytes => readBytes(body, maxBytes, toError),
        toError,
      };
    } catch (error) {
      throw toConnectionError(error, failed);
    }
  }
}

function discard(body: Readable, method: HttpCall['method']): void {
  // The answer to HEAD has no body to wait for, and its connection can be used again.
  if (method === 'HEAD') body.resume();
  else body.destroy();
}

async function readBytes(
  body: Readable,
  maxBytes: number,
  toError: HttpAnswer['toError'],
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size > maxBytes) break;
    }
  } catch (error) {
    throw toError(error);
  }
  return Buffer.concat(chunks).subarray(0, maxBytes);
}
