import type { Agent, Dispatcher } from 'undici';
import type { Readable } from 'node:stream';
import { observed, requestChannel, type WxCloudRequestEvent } from '../diagnostics/index.js';
import { RequestTimedOutError } from '../errors/index.js';
import type { ResolvedOptions, ResolvedTimeouts } from '../options/index.js';
import { AnswerReader, type HttpAnswer } from './answer-reader.js';
import { toConnectionError, toDispatchError } from './connection-error.js';
import { ConnectionWatch } from './connection-watch.js';
import { ReplyCollector, type HttpReply } from './reply-collector.js';
import type { RequestHandler, RequestHandlerParts } from './request-handler.js';
import type { RequestTarget } from './request-target.js';

/** The options that concern the transport. */
export interface TransportOptions extends Pick<ResolvedOptions, 'dispatcher'> {
  /** Time limits. */
  readonly timeouts: Omit<ResolvedTimeouts, 'totalMs' | 'tokenMs'>;
}

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
  /** Ends the request, and the reading of its answer. */
  readonly signal: AbortSignal;
  /** How long an abort is to wait, in milliseconds, asked for when it comes. @defaultValue 0 */
  readonly abortDelayMs?: () => number;
  /** Told when it is aborted before there is a connection, so that nothing of it can have arrived. */
  readonly onUnsent?: () => void;
  /** Literals in the request that must not be shown. */
  readonly secrets?: readonly string[];
}

/** One HTTP request that may have a body. */
export interface HttpExchange extends HttpCall {
  /** The body. An iterable is read once, with back-pressure, and returned when there is an answer or none is to come. */
  readonly body?: Buffer | AsyncIterableIterator<Uint8Array> | undefined;
}

/** Takes as long to load as all else together, and is not needed while an application starts. */
const loadUndici = (): Promise<typeof import('undici')> => import('undici');

/** Sends HTTP requests on pooled connections with the instance's time limits: the only user of undici. */
export class HttpTransport {
  readonly #options: TransportOptions;
  readonly #givenDispatcher: Dispatcher | undefined;
  readonly #watch: ConnectionWatch;
  #ownAgent: Agent | undefined;

  /** Opens no connection yet. A given dispatcher is used as it is and never closed. */
  constructor(options: TransportOptions) {
    this.#options = options;
    // Given by shape, so that the application's undici may be another version than ours.
    this.#givenDispatcher = options.dispatcher as unknown as Dispatcher | undefined;
    this.#watch = new ConnectionWatch(options.timeouts.connectMs);
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
      () => this.#start(call, parts => new AnswerReader(parts, method === 'HEAD')),
      answer => ({ endpoint, method, ...(answer && { status: answer.status }) }),
    );
  }

  /**
   * Sends a request and resolves with its whole answer, whatever its status; of the body, `maxBytes` are kept.
   * @throws {@link WxCloudStorageError} as {@link HttpTransport.send} does
   */
  exchange(call: HttpExchange, maxBytes: number): Promise<HttpReply> {
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

  #exchange(call: HttpExchange, maxBytes: number): Promise<HttpReply> {
    const { body } = call;
    const reply = this.#start<HttpReply>(call, parts => new ReplyCollector(parts, maxBytes));
    return isIterator(body) ? reply.finally(() => giveBack(body)) : reply;
  }

  #start<T>(call: HttpExchange, handlerFor: MakeHandler<T>): Promise<T> {
    const dispatcher = this.#dispatcher;
    if (dispatcher !== undefined) return this.#startOn(dispatcher, call, handlerFor);
    return this.#getDispatcher().then(loaded => this.#startOn(loaded, call, handlerFor));
  }

  #startOn<T>(dispatcher: Dispatcher, call: HttpExchange, handlerFor: MakeHandler<T>): Promise<T> {
    const { timeouts } = this.#options;
    const { endpoint, signal, abortDelayMs, onUnsent } = call;
    const { connectMs } = timeouts;
    const isGiven = dispatcher === this.#givenDispatcher;
    const toError = (error: unknown): Error =>
      toConnectionError(error, {
        ...call,
        timeouts: isGiven ? { ...timeouts, connectMs: undefined } : timeouts,
        secrets: call.secrets ?? [],
      });
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        onUnsent?.();
        return reject(toError(signal.reason));
      }
      const watched = isGiven ? this.#watch.add(call.target.origin) : undefined;
      const parts = { signal, abortDelayMs, onUnsent, toError, resolve, reject, watcher: watched };
      const handler = handlerFor(parts);
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
          handler,
        );
        watched?.dispatched(() =>
          handler.giveUpConnecting(
            new RequestTimedOutError({ phase: 'connect', endpoint, timeoutMs: connectMs }),
          ),
        );
      } catch (error) {
        handler.onResponseError(undefined, toDispatchError(error));
      }
    });
  }
}

function isIterator(body: HttpExchange['body']): body is AsyncIterableIterator<Uint8Array> {
  return body !== undefined && !Buffer.isBuffer(body);
}

/** undici does that by itself over HTTP/1.1, but not over HTTP/2. What fails in it is no longer of the request. */
function giveBack(body: AsyncIterableIterator<Uint8Array>): void {
  body.return?.().catch(() => {});
}

type MakeHandler<T> = (parts: RequestHandlerParts<T>) => RequestHandler<T>;
