import type { Readable } from 'node:stream';
import type { Agent, Dispatcher } from 'undici';
import {
  channels,
  isInstrumented,
  type OpenEvent,
  sharingOperations,
  trace,
  type WxCloudRequestEvent,
} from '../diagnostics.js';
import { RequestTimedOutError } from '../errors/errors.js';
import type { ResolvedOptions, ResolvedTimeouts } from '../options/resolved-options.js';
import { toConnectionError, toDispatchError } from './connection-error.js';
import {
  type ConnectionLane,
  ConnectionSlots,
  ConnectionWatch,
  SharedSlots,
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
import { SentBody } from './sent-body.js';
import { createAgent, type SharedConnections } from './shared-connections.js';
import { dispatchUntraced } from './untraced-dispatch.js';

/**
 * The target of a request. Parsed once, as parsing an address costs as much as sending a short
 * request.
 */
export interface RequestTarget {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
}

/** Returns the target of an address, without fragment, user and password. */
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
  /**
   * Name of the called operation in errors: never the whole address, which may carry credentials.
   */
  readonly endpoint: string;
  /** The method. */
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** The target. */
  readonly target: RequestTarget;
  /** Headers to send. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Ends the request, and the reading of its response. */
  readonly signal: AbortSignal;
  /**
   * Returns the delay of an abort in milliseconds; called when the abort comes.
   * @defaultValue 0
   */
  readonly abortDelayMs?: () => number;
  /**
   * Called when the request is aborted before it has a connection, so that nothing of it can have
   * arrived.
   */
  readonly onUnsent?: () => void;
  /** Literals of the request to mask in errors. */
  readonly secrets?: readonly string[];
}

/** One HTTP request that may have a body. */
export interface HttpRequestWithBody extends HttpRequest {
  /**
   * The body. An iterable is read once, with back-pressure, and its `return` is called at the end
   * of the request.
   */
  readonly body?: Buffer | AsyncIterableIterator<Uint8Array> | undefined;
  /**
   * The kind of request, for its connection slot.
   * @defaultValue `api`
   */
  readonly lane?: ConnectionLane;
  /**
   * Limit between two chunks of the response in milliseconds.
   * @defaultValue `timeouts.idleMs`
   */
  readonly idleMs?: number;
}

type HandlerFactory<T> = (parts: RequestHandlerParts<T>) => RequestHandler<T>;

/**
 * Sends HTTP requests on pooled connections with the instance's time limits: the only user of
 * undici.
 */
export class HttpTransport {
  readonly #options: TransportOptions;
  readonly #givenDispatcher: Dispatcher | undefined;
  readonly #slots: Pick<ConnectionSlots, 'tryTake' | 'take' | 'release'>;
  readonly #shared: SharedConnections | undefined;
  readonly #watch: ConnectionWatch;
  #ownAgent: Agent | undefined;

  /**
   * Creates a client without connections. A given dispatcher is used as it is and never closed.
   * `onWait` is called when a request begins to wait for a connection of the instance. Without a
   * dispatcher, the connections are those of `shared`, if it is given.
   */
  constructor(options: TransportOptions, onWait?: () => void, shared?: SharedConnections) {
    this.#options = options;
    this.#shared = options.dispatcher === undefined ? shared : undefined;
    // Accepted by shape, so that the application's undici may be another version.
    this.#givenDispatcher = options.dispatcher as unknown as Dispatcher | undefined;
    const slots = new ConnectionSlots(options.maxConnections, onWait);
    this.#slots = this.#shared ? new SharedSlots(slots, this.#shared.slots) : slots;
    this.#watch = new ConnectionWatch(options.timeouts.connectMs);
  }

  /** Loads undici ahead of the first request. */
  async prepare(): Promise<void> {
    await this.#getDispatcher();
  }

  /**
   * Sends a request and resolves with the head of its response, whatever its status.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_CONNECTION_FAILED`, `WX_CLOUD_REQUEST_TIMED_OUT`,
   * or the signal's reason
   */
  requestStream(call: HttpRequest): Promise<StreamedResponse> {
    if (!channels.request.hasSubscribers) return this.#startStream(call);
    return traceRequest(call, () => this.#startStream(call));
  }

  /**
   * Sends a request and resolves with its whole response, whatever its status; the body is cut at
   * `maxBytes`.
   * @throws {@link WxCloudStorageError} like {@link HttpTransport.requestStream}
   */
  requestBuffered(call: HttpRequestWithBody, maxBytes: number): Promise<BufferedResponse> {
    if (!channels.request.hasSubscribers) return this.#startBuffered(call, maxBytes);
    return traceRequest(call, () => this.#startBuffered(call, maxBytes));
  }

  /**
   * Closes idle connections and destroys the others; a given dispatcher and shared connections stay
   * open.
   */
  async close(): Promise<void> {
    if (this.#shared === undefined) await this.#ownAgent?.destroy();
  }

  get #dispatcher(): Dispatcher | undefined {
    return this.#givenDispatcher ?? this.#ownAgent;
  }

  async #getDispatcher(): Promise<Dispatcher> {
    if (this.#dispatcher !== undefined) return this.#dispatcher;
    const { Agent: AgentType } = await loadUndici();
    const { timeouts, maxConnections } = this.#options;
    this.#ownAgent ??=
      this.#shared?.agentFor(AgentType, timeouts.connectMs) ??
      createAgent(AgentType, timeouts.connectMs, maxConnections);
    return this.#ownAgent;
  }

  #startStream(call: HttpRequest): Promise<StreamedResponse> {
    const isHead = call.method === 'HEAD';
    return this.#start(call, 'download', parts => new StreamingHandler(parts, isHead));
  }

  #startBuffered(call: HttpRequestWithBody, maxBytes: number): Promise<BufferedResponse> {
    const { body: given, lane = 'api' } = call;
    const body = isIterator(given) ? new SentBody(given, this.#options.timeouts.idleMs) : given;
    const response = this.#start<BufferedResponse>(
      { ...call, body },
      lane,
      parts => new BufferingHandler(parts, maxBytes),
    );
    // undici ends the iterable over HTTP/1.1, but not over HTTP/2.
    return isIterator(body) ? response.finally(() => void body.return()) : response;
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

  /**
   * Dispatches a request on a connection slot that is already taken, and releases the slot at the
   * end.
   */
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
      this.#watchBody(call, handler);
      try {
        const options = {
          origin: call.target.origin,
          path: call.target.path,
          method: call.method,
          headers: call.headers ?? {},
          // undici sends any async iterable; its types name only streams.
          body: (call.body ?? null) as Buffer | Readable | null,
          headersTimeout: timeouts.headersMs,
          bodyTimeout: call.idleMs ?? timeouts.idleMs,
        };
        if (isInstrumented()) dispatchUntraced(dispatcher, options, handler);
        else dispatcher.dispatch(options, handler);
        watcher.dispatched(() => {
          const timeoutMs = timeouts.connectMs;
          handler.abandon(new RequestTimedOutError({ phase: 'connect', endpoint, timeoutMs }));
        });
      } catch (error) {
        handler.onResponseError(undefined, toDispatchError(error));
      }
    });
  }

  #watchBody(
    { body, endpoint }: HttpRequestWithBody,
    handler: Pick<RequestHandler<unknown>, 'giveUp'>,
  ): void {
    if (!(body instanceof SentBody)) return;
    const timeoutMs = this.#options.timeouts.idleMs;
    body.onStalled = () =>
      handler.giveUp(new RequestTimedOutError({ phase: 'idle', endpoint, timeoutMs }));
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

function traceRequest<Response extends BufferedResponse | StreamedResponse>(
  { endpoint, method }: HttpRequest,
  send: () => Promise<Response>,
): Promise<Response> {
  const callers = sharingOperations();
  const describe = () => ({ endpoint, method, ...(callers && { callers }) });
  const work = async (event: OpenEvent<WxCloudRequestEvent> | undefined): Promise<Response> => {
    const response = await send();
    if (event !== undefined) event.status = response.status;
    return response;
  };
  return trace(channels.request, describe, work, false);
}

/** The connection slot of one request, from its dispatch on. */
class ConnectionHold implements RequestWatcher {
  #release: (() => void) | undefined;
  readonly #watched: WatchedRequest | undefined;

  /**
   * Holds a slot. `watched` limits the time until the request is on a connection, where the
   * dispatcher does not.
   */
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
   * Releases the slot of an abandoned request, unless the own agent goes on connecting and reports
   * its end. Another dispatcher may never report it.
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
 * Runs `work` when the connection is free again, a turn of the event loop after the end of its
 * response. Until then undici would open another connection.
 */
function afterDrain(work: () => void): void {
  setImmediate(() => setImmediate(work));
}

function isIterator<T extends AsyncIterableIterator<Uint8Array>>(
  body: Buffer | T | undefined,
): body is T {
  return body !== undefined && !Buffer.isBuffer(body);
}

/**
 * Loads undici late: loading takes as long as everything else together, and the start of an
 * application does not need it.
 */
function loadUndici(): Promise<typeof import('undici')> {
  return import('undici');
}
