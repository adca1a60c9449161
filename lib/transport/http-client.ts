import type { Readable } from 'node:stream';
import type { Agent, Dispatcher } from 'undici';
import { publishOutcome, requestChannel, type WxCloudRequestEvent } from '../diagnostics.js';
import { RequestTimedOutError } from '../errors/errors.js';
import type { ResolvedOptions, ResolvedTimeouts } from '../options/resolved-options.js';
import { toConnectionError, toDispatchError } from './connection-error.js';
import {
  type ConnectionLane,
  ConnectionSlots,
  ConnectionWatch,
  type WatchedRequest,
} from './connections.js';
import {
  StreamingHandler,
  type StreamedResponse,
  type BufferedResponse,
  BufferingHandler,
  type RequestHandler,
  type RequestHandlerParts,
  type RequestWatcher,
} from './response-handlers.js';

/**
 * Where a request goes. Taken apart once, as to take an address apart costs as much as to send a
 * short request.
 */
export interface RequestTarget {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
}

/** The target of an address; a fragment, user or password is not part of it. */
export function toTarget({ origin, pathname, search }: URL): RequestTarget {
  return { origin, path: `${pathname}${search}` };
}

/** The options that concern the transport. */
interface TransportOptions extends Pick<ResolvedOptions, 'dispatcher' | 'maxConnections'> {
  /** Time limits. */
  readonly timeouts: Omit<ResolvedTimeouts, 'totalMs' | 'tokenMs'>;
}

/** One HTTP request. */
export interface HttpRequest {
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
  /**
   * Told when it is aborted before there is a connection, so that nothing of it can have arrived.
   */
  readonly onUnsent?: () => void;
  /** Literals in the request that must not be shown. */
  readonly secrets?: readonly string[];
}

/** One HTTP request that may have a body. */
export interface HttpRequestWithBody extends HttpRequest {
  /**
   * The body. An iterable is read once, with back-pressure, and returned when there is an answer or
   * none is to come.
   */
  readonly body?: Buffer | AsyncIterableIterator<Uint8Array> | undefined;
  /** The kind of request, for its place among the connections. @defaultValue `api` */
  readonly lane?: ConnectionLane;
}

type HandlerFactory<T> = (parts: RequestHandlerParts<T>) => RequestHandler<T>;

/** Takes as long to load as all else together, and is not needed while an application starts. */
const loadUndici = (): Promise<typeof import('undici')> => import('undici');

/**
 * Sends HTTP requests on pooled connections with the instance's time limits: the only user of
 * undici.
 */
export class HttpTransport {
  readonly #options: TransportOptions;
  readonly #givenDispatcher: Dispatcher | undefined;
  readonly #slots: ConnectionSlots;
  readonly #watch: ConnectionWatch;
  #ownAgent: Agent | undefined;

  /** Opens no connection yet. A given dispatcher is used as it is and never closed. */
  constructor(options: TransportOptions) {
    this.#options = options;
    // Given by shape, so that the application's undici may be another version than ours.
    this.#givenDispatcher = options.dispatcher as unknown as Dispatcher | undefined;
    this.#slots = new ConnectionSlots(options.maxConnections);
    this.#watch = new ConnectionWatch(options.timeouts.connectMs);
  }

  /** Loads what the first request would have to wait for. */
  async prepare(): Promise<void> {
    await this.#getDispatcher();
  }

  /**
   * Sends a request and resolves with the head of its answer, whatever its status.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_CONNECTION_FAILED`, `WX_CLOUD_REQUEST_TIMED_OUT`,
   * or the signal's reason
   */
  requestStream(call: HttpRequest): Promise<StreamedResponse> {
    const { endpoint, method } = call;
    return publishOutcome<StreamedResponse, WxCloudRequestEvent>(
      requestChannel,
      () => this.#start(call, 'download', parts => new StreamingHandler(parts, method === 'HEAD')),
      response => ({ endpoint, method, ...(response && { status: response.status }) }),
    );
  }

  /**
   * Sends a request and resolves with its whole answer, whatever its status; of the body,
   * `maxBytes` are kept.
   * @throws {@link WxCloudStorageError} as {@link HttpTransport.requestStream} does
   */
  requestBuffered(call: HttpRequestWithBody, maxBytes: number): Promise<BufferedResponse> {
    const { endpoint, method } = call;
    return publishOutcome<BufferedResponse, WxCloudRequestEvent>(
      requestChannel,
      () => this.#startBuffered(call, maxBytes),
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
    const { timeouts, maxConnections } = this.#options;
    this.#ownAgent ??= new AgentType({
      connect: { timeout: timeouts.connectMs },
      // Per host; else a connection that is not yet free again would have another one opened beside
      // it.
      connections: maxConnections,
    });
    return this.#ownAgent;
  }

  #startBuffered(call: HttpRequestWithBody, maxBytes: number): Promise<BufferedResponse> {
    const { body, lane = 'api' } = call;
    const reply = this.#start<BufferedResponse>(
      call,
      lane,
      parts => new BufferingHandler(parts, maxBytes),
    );
    return isIterator(body) ? reply.finally(() => returnIterator(body)) : reply;
  }

  #start<T>(
    call: HttpRequestWithBody,
    lane: ConnectionLane,
    handlerFor: HandlerFactory<T>,
  ): Promise<T> {
    const dispatcher = this.#dispatcher;
    const isFree = dispatcher !== undefined && !call.signal.aborted && this.#slots.tryTake(lane);
    if (!isFree) return this.#startLater(call, lane, handlerFor);
    return this.#startOn(dispatcher, call, lane, handlerFor);
  }

  async #startLater<T>(
    call: HttpRequestWithBody,
    lane: ConnectionLane,
    handlerFor: HandlerFactory<T>,
  ): Promise<T> {
    const dispatcher = await this.#getDispatcher();
    try {
      call.signal.throwIfAborted();
      await this.#slots.take(lane, call.signal);
    } catch (reason) {
      call.onUnsent?.();
      throw this.#toError(call, reason);
    }
    return this.#startOn(dispatcher, call, lane, handlerFor);
  }

  /** Needs a connection that was taken from the slots, and sees that it is given back. */
  #startOn<T>(
    dispatcher: Dispatcher,
    call: HttpRequestWithBody,
    lane: ConnectionLane,
    handlerFor: HandlerFactory<T>,
  ): Promise<T> {
    const { timeouts } = this.#options;
    const { endpoint, signal, abortDelayMs, onUnsent } = call;
    const toError = (error: unknown): Error => this.#toError(call, error);
    const watcher = this.#watcherFor(call, lane);
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        watcher.ended();
        onUnsent?.();
        return reject(toError(signal.reason));
      }
      const handler = handlerFor({
        signal,
        abortDelayMs,
        onUnsent,
        toError,
        resolve,
        reject,
        watcher,
      });
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
        watcher.dispatched(() => {
          const timeoutMs = timeouts.connectMs;
          handler.giveUpConnecting(
            new RequestTimedOutError({ phase: 'connect', endpoint, timeoutMs }),
          );
        });
      } catch (error) {
        handler.onResponseError(undefined, toDispatchError(error));
      }
    });
  }

  #toError(call: HttpRequestWithBody, error: unknown): Error {
    const { timeouts } = this.#options;
    const isGiven = this.#givenDispatcher !== undefined;
    // A timeout that undici itself reports is the limit of the dispatcher.
    const inForce = isGiven ? { ...timeouts, connectMs: undefined } : timeouts;
    return toConnectionError(error, call, inForce);
  }

  #watcherFor({ target }: HttpRequestWithBody, lane: ConnectionLane): ConnectionHold {
    const release = (): void => this.#slots.release(lane);
    if (this.#givenDispatcher === undefined) return new ConnectionHold(release, undefined);
    return new ConnectionHold(() => afterDrain(release), this.#watch.add(target.origin));
  }
}

/** The place of one request among the connections, from its dispatch on. */
class ConnectionHold implements RequestWatcher {
  #release: (() => void) | undefined;
  readonly #watched: WatchedRequest | undefined;

  /** `watched` bounds the time until it is on a connection, where the dispatcher does not. */
  constructor(release: () => void, watched: WatchedRequest | undefined) {
    this.#release = release;
    this.#watched = watched;
  }

  dispatched(onTimeout: () => void): void {
    this.#watched?.dispatched(onTimeout);
  }

  started(): void {
    this.#watched?.started();
  }

  /**
   * An agent of ours goes on connecting, and tells when it has ended; another dispatcher may never
   * do so.
   */
  abandoned(): void {
    if (this.#watched !== undefined) this.ended();
  }

  ended(): void {
    this.#watched?.ended();
    this.#release?.();
    this.#release = undefined;
  }
}

/**
 * A connection is free a turn of the event loop after its answer has ended; until then undici would
 * open another one.
 */
function afterDrain(work: () => void): void {
  setImmediate(() => setImmediate(work));
}

function isIterator(body: HttpRequestWithBody['body']): body is AsyncIterableIterator<Uint8Array> {
  return body !== undefined && !Buffer.isBuffer(body);
}

/**
 * undici does that by itself over HTTP/1.1, but not over HTTP/2. What fails in it is no longer of
 * the request.
 */
function returnIterator(body: AsyncIterableIterator<Uint8Array>): void {
  body.return?.().catch(() => {});
}
