/** The kinds of requests; each has connections of its own. */
export type ConnectionLane = 'api' | 'upload' | 'download';

/** This share of the connections is kept for each kind, whatever the others need. */
const RESERVED_SHARE = 1 / 8;

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
