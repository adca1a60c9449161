import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { performance } from 'node:perf_hooks';

/** The kinds of requests; each has connections of its own. */
export type ConnectionLane = 'api' | 'upload' | 'download';

/** This share of the connections is kept for each kind, whatever the others need. */
const RESERVED_SHARE = 1 / 8;

/** The code of a connection that was closed while it was being made. */
export const CONNECT_DROPPED = 'CONNECT_DROPPED';

/** While a request is queued, undici connects again at once after these, without an end. */
const REPEATED_CODES: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'UND_ERR_INFO']);
/** Published before undici decides what to do about a connection that could not be made. */
const CONNECT_ERRORS = 'undici:client:connectError';

interface Waiter {
  /** Counts up, so that the one that has waited longest is found over all lanes. */
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
 * Gives out the connections of one instance, so many at a time; further requests wait, first come,
 * first served. An eighth is kept for each kind of request: calls of WeChat's API do not wait
 * behind uploads that take long, and uploads whose bytes come out of downloads do not wait for
 * connections that these hold.
 */
export class ConnectionSlots {
  readonly #max: number;
  readonly #lanes: Readonly<Record<ConnectionLane, Lane>>;
  readonly #all: readonly Lane[];
  #tickets = 0;

  /** `max` is at least 1. With 1 all kinds share it, with 2 uploads and downloads share one. */
  constructor(max: number) {
    const share = Math.max(1, Math.floor(max * RESERVED_SHARE));
    this.#max = max;
    this.#lanes = {
      api: createLane(max >= 2 ? share : 0),
      upload: createLane(max >= 3 ? share : 0),
      download: createLane(max >= 3 ? share : 0),
    };
    this.#all = Object.values(this.#lanes);
  }

  /**
   * Takes a connection if there is one now. It has to be given back by
   * {@link ConnectionSlots.release}.
   */
  tryTake(name: ConnectionLane): boolean {
    const lane = this.#lanes[name];
    if (lane.waiting.size > 0 || !this.#isFree(lane)) return false;
    lane.taken += 1;
    return true;
  }

  /**
   * Waits for a connection, and takes it. It has to be given back.
   * @throws the reason of the signal, when it is aborted first
   */
  take(name: ConnectionLane, signal: AbortSignal): Promise<void> {
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
    });
  }

  /** Gives a connection back; whoever has waited longest gets it. */
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

  /** The places that the lane may take: all that is neither taken nor kept for another lane. */
  #isFree(lane: Lane): boolean {
    let spoken = 0;
    for (const each of this.#all) {
      spoken += each === lane ? each.taken : Math.max(each.taken, each.reserved);
    }
    return spoken < this.#max;
  }
}

function createLane(reserved: number): Lane {
  return { reserved, taken: 0, waiting: new Set() };
}

/** The requests to one origin that are not over. */
interface OriginUse {
  readonly origin: string;
  known: number;
  /** Requests that are on a connection. */
  running: number;
  /** The time at which `running` became 0. */
  idleSinceMs: number;
}

/**
 * Bounds the time until a request is on a connection, where the dispatcher is the application's.
 * The time does not count while another request to the same origin is on a connection: a dispatcher
 * may have a queue in which requests wait for it.
 */
export class ConnectionWatch {
  readonly #connectMs: number;
  readonly #origins = new Map<string, OriginUse>();

  /** Watches nothing yet. */
  constructor(connectMs: number) {
    this.#connectMs = connectMs;
  }

  /** Takes note of a request that is about to be dispatched. */
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

  /** Made by {@link ConnectionWatch.add}. */
  constructor(use: OriginUse, connectMs: number, onEnd: () => void) {
    this.#use = use;
    this.#connectMs = connectMs;
    this.#onEnd = onEnd;
  }

  /** The dispatcher has the request; `onTimeout` is called when the time for a connection is up. */
  dispatched(onTimeout: () => void): void {
    if (this.#state !== 'new') return;
    this.#state = 'waiting';
    this.#sinceMs = performance.now();
    addWaiting(this.#use.origin);
    this.#checkIn(this.#connectMs, onTimeout);
  }

  /** The request is on a connection. */
  started(): void {
    if (this.#state === 'running' || this.#state === 'over') return;
    this.#stopWaiting();
    this.#state = 'running';
    this.#use.running += 1;
  }

  /** The request is over, or given up. */
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
 * The origins that requests on given dispatchers wait for, over all instances, and how many
 * requests.
 */
const waitingOrigins = new Map<string, number>();

function addWaiting(origin: string): void {
  if (waitingOrigins.size === 0) subscribe(CONNECT_ERRORS, endRepeats);
  waitingOrigins.set(origin, (waitingOrigins.get(origin) ?? 0) + 1);
}

function removeWaiting(origin: string): void {
  const others = (waitingOrigins.get(origin) ?? 0) - 1;
  if (others > 0) waitingOrigins.set(origin, others);
  else waitingOrigins.delete(origin);
  if (waitingOrigins.size === 0) unsubscribe(CONNECT_ERRORS, endRepeats);
}

/**
 * Lets the requests that wait for a connection fail when it is dropped while it is made. A proxy
 * that drops `CONNECT` would otherwise be asked again thousands of times a second for as long as
 * the process lives, also for requests that were given up: a request that waits in a dispatcher
 * cannot be taken back. undici fails such requests by the code of the error.
 */
function endRepeats(message: unknown): void {
  const { connectParams, error } = message as ConnectErrorMessage;
  if (!waitingOrigins.has(`${connectParams.protocol}//${connectParams.host}`)) return;
  if (REPEATED_CODES.has(error.code)) error.code = CONNECT_DROPPED;
}

interface ConnectErrorMessage {
  readonly connectParams: { readonly protocol: string; readonly host: string };
  readonly error: Error & { code?: unknown };
}
