import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { performance } from 'node:perf_hooks';

/** The kinds of requests; each has its reserved connections. */
export type ConnectionLane = 'api' | 'upload' | 'download';

/** Share of the connections that is reserved for each kind. */
const RESERVED_SHARE = 1 / 8;

/** Error code of a connection that was closed while it was opening. */
export const CONNECT_DROPPED = 'CONNECT_DROPPED';

/** Error codes after which undici connects again at once and forever while a request is queued. */
const RECONNECTED_CODES: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'UND_ERR_INFO']);
/** Channel that undici publishes to before it handles a failed connection attempt. */
const CONNECT_ERRORS = 'undici:client:connectError';

interface Waiter {
  /** Increasing number, which shows the longest wait over all lanes. */
  readonly ticket: number;
  readonly start: () => void;
}

interface Lane {
  /** Connections that no other lane may take. */
  readonly reserved: number;
  taken: number;
  readonly waiting: Set<Waiter>;
}

/**
 * Assigns the connections of one instance; requests beyond the limit wait, first come, first
 * served. An eighth is reserved for each kind of request: calls of WeChat's API do not wait behind
 * long uploads, and uploads fed by downloads do not wait for connections that these downloads hold.
 */
export class ConnectionSlots {
  readonly #max: number;
  readonly #lanes: Readonly<Record<ConnectionLane, Lane>>;
  readonly #all: readonly Lane[];
  readonly #onWait: () => void;
  #tickets = 0;

  /**
   * Creates the slots; `max` is at least 1. With 1 all kinds share it, with 2 uploads and downloads
   * share one. `onWait` is called when a request begins to wait.
   */
  constructor(max: number, onWait = (): void => {}) {
    const share = Math.max(1, Math.floor(max * RESERVED_SHARE));
    this.#max = max;
    this.#onWait = onWait;
    this.#lanes = {
      api: createLane(max >= 2 ? share : 0),
      upload: createLane(max >= 3 ? share : 0),
      download: createLane(max >= 3 ? share : 0),
    };
    this.#all = Object.values(this.#lanes);
  }

  /**
   * Takes a connection if one is free. It has to be released with {@link ConnectionSlots.release}.
   */
  tryTake(name: ConnectionLane): boolean {
    const lane = this.#lanes[name];
    if (lane.waiting.size > 0 || !this.#isFree(lane)) return false;
    lane.taken += 1;
    return true;
  }

  /**
   * Waits for a connection and takes it. It has to be released.
   * @throws the reason of the signal, when it is aborted, also before the call
   */
  take(name: ConnectionLane, signal: AbortSignal): Promise<void> {
    // It would never hear of it while it waits.
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (this.tryTake(name)) return Promise.resolve();
    const { waiting } = this.#lanes[name];
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        waiting.delete(waiter);
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        ticket: (this.#tickets += 1),
        start: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      waiting.add(waiter);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#onWait();
    });
  }

  /** Releases a connection to the request that has waited longest. */
  release(name: ConnectionLane): void {
    this.#lanes[name].taken -= 1;
    for (;;) {
      const [lane, waiter] = this.#findNext();
      if (lane === undefined || waiter === undefined) return;
      lane.waiting.delete(waiter);
      lane.taken += 1;
      waiter.start();
    }
  }

  #findNext(): readonly [Lane?, Waiter?] {
    let next: readonly [Lane?, Waiter?] = [];
    for (const lane of this.#all) {
      const [waiter] = lane.waiting;
      if (waiter === undefined || !this.#isFree(lane)) continue;
      if (waiter.ticket < (next[1]?.ticket ?? Infinity)) next = [lane, waiter];
    }
    return next;
  }

  /**
   * True when the lane may take a connection that is neither taken nor reserved for another lane.
   */
  #isFree(lane: Lane): boolean {
    let occupied = 0;
    for (const each of this.#all) {
      occupied += each === lane ? each.taken : Math.max(each.taken, each.reserved);
    }
    return occupied < this.#max;
  }
}

/**
 * Assigns the connections of one of several instances that share connections: each request takes
 * one of its instance and one of all, in this order. So an instance never keeps more requests
 * waiting for the shared connections than it may have itself.
 */
export class SharedSlots implements Pick<ConnectionSlots, 'tryTake' | 'take' | 'release'> {
  readonly #own: ConnectionSlots;
  readonly #all: ConnectionSlots;

  /** `own` belongs to the instance, `all` to all instances. */
  constructor(own: ConnectionSlots, all: ConnectionSlots) {
    this.#own = own;
    this.#all = all;
  }

  /** Takes a connection as {@link ConnectionSlots.tryTake} does. */
  tryTake(name: ConnectionLane): boolean {
    if (!this.#own.tryTake(name)) return false;
    if (this.#all.tryTake(name)) return true;
    this.#own.release(name);
    return false;
  }

  /** Takes a connection as {@link ConnectionSlots.take} does. */
  async take(name: ConnectionLane, signal: AbortSignal): Promise<void> {
    await this.#own.take(name, signal);
    try {
      await this.#all.take(name, signal);
    } catch (reason) {
      this.#own.release(name);
      throw reason;
    }
  }

  /** Releases a connection as {@link ConnectionSlots.release} does. */
  release(name: ConnectionLane): void {
    this.#all.release(name);
    this.#own.release(name);
  }
}

function createLane(reserved: number): Lane {
  return { reserved, taken: 0, waiting: new Set() };
}

/** The unfinished requests to one origin. */
interface OriginUse {
  readonly origin: string;
  known: number;
  /** Requests that are on a connection. */
  running: number;
  /** The time when `running` became 0. */
  idleSinceMs: number;
}

/**
 * Limits the time until a request is on a connection, for dispatchers of the application. The time
 * does not count while another request to the same origin is on a connection: requests may be
 * waiting for it in a queue of the dispatcher.
 */
export class ConnectionWatch {
  readonly #connectMs: number;
  readonly #origins = new Map<string, OriginUse>();

  /** Creates a watch without requests. */
  constructor(connectMs: number) {
    this.#connectMs = connectMs;
  }

  /** Registers a request that is about to be dispatched. */
  add(origin: string): WatchedRequest {
    const use = this.#origins.get(origin) ?? { origin, known: 0, running: 0, idleSinceMs: 0 };
    this.#origins.set(origin, use);
    use.known += 1;
    return new WatchedRequest(use, this.#connectMs, () => {
      use.known -= 1;
      if (use.known === 0) this.#origins.delete(origin);
    });
  }
}

/** One request on its way through the application's dispatcher. */
export class WatchedRequest {
  readonly #use: OriginUse;
  readonly #connectMs: number;
  readonly #onEnd: () => void;
  #state: 'new' | 'waiting' | 'running' | 'over' = 'new';
  #sinceMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Called by {@link ConnectionWatch.add}. */
  constructor(use: OriginUse, connectMs: number, onEnd: () => void) {
    this.#use = use;
    this.#connectMs = connectMs;
    this.#onEnd = onEnd;
  }

  /**
   * Records that the dispatcher has the request; `onTimeout` is called when the time for a
   * connection is up.
   */
  dispatched(onTimeout: () => void): void {
    if (this.#state !== 'new') return;
    this.#state = 'waiting';
    this.#sinceMs = performance.now();
    addWaiting(this.#use.origin);
    this.#checkIn(this.#connectMs, onTimeout);
  }

  /** Records that the request is on a connection. */
  started(): void {
    if (this.#state === 'running' || this.#state === 'over') return;
    this.#stopWaiting();
    this.#state = 'running';
    this.#use.running += 1;
  }

  /** Records that the request has ended or was abandoned. */
  ended(): void {
    if (this.#state === 'over') return;
    this.#stopWaiting();
    if (this.#state === 'running') {
      this.#use.running -= 1;
      this.#use.idleSinceMs = performance.now();
    }
    this.#state = 'over';
    this.#onEnd();
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    if (this.#state === 'waiting') removeWaiting(this.#use.origin);
  }

  #checkIn(ms: number, onTimeout: () => void): void {
    this.#timer = setTimeout(() => {
      const { running, idleSinceMs } = this.#use;
      const countedMs = performance.now() - Math.max(this.#sinceMs, idleSinceMs);
      const leftMs = running > 0 ? this.#connectMs : this.#connectMs - countedMs;
      if (leftMs > 0) this.#checkIn(leftMs, onTimeout);
      else onTimeout();
    }, ms);
  }
}

/**
 * Origins that requests wait for on given dispatchers, over all instances, with the number of
 * requests.
 */
const waitingOrigins = new Map<string, number>();

function addWaiting(origin: string): void {
  if (waitingOrigins.size === 0) subscribe(CONNECT_ERRORS, stopReconnecting);
  waitingOrigins.set(origin, (waitingOrigins.get(origin) ?? 0) + 1);
}

function removeWaiting(origin: string): void {
  const others = (waitingOrigins.get(origin) ?? 0) - 1;
  if (others > 0) waitingOrigins.set(origin, others);
  else waitingOrigins.delete(origin);
  if (waitingOrigins.size === 0) unsubscribe(CONNECT_ERRORS, stopReconnecting);
}

/**
 * Makes waiting requests fail when their connection is dropped while it opens. Otherwise undici
 * would call a proxy that drops `CONNECT` thousands of times a second for the life of the process,
 * also for abandoned requests, which a dispatcher cannot take back. undici fails such requests by
 * the code of the error.
 */
function stopReconnecting(message: unknown): void {
  const { connectParams, error } = message as {
    readonly connectParams: { readonly protocol: string; readonly host: string };
    readonly error: Error & { code?: unknown };
  };
  if (!waitingOrigins.has(`${connectParams.protocol}//${connectParams.host}`)) return;
  if (RECONNECTED_CODES.has(error.code)) error.code = CONNECT_DROPPED;
}
