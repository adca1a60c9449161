/** An upload that is sent while its client still sends. */
interface SentAhead {
  /** Number of milliseconds for which it has been waiting for its client; 0 while it sends. */
  readonly waitedMs: number;
  /** Ends it, so that its connection is free; the file is sent later. */
  abandon(): void;
}

/** Time without a byte after which a client makes room for other requests, in milliseconds. */
const IDLE_MS = 250;

/**
 * Limits the uploads of one instance that are sent while their client still sends: to half of its
 * connections, as they take as long as their clients. Those that wait for their client make room
 * for requests that wait for a connection.
 */
export class SendAheadSlots {
  #free: number;
  readonly #all: SendAheadSlots | undefined;
  readonly #sent = new Set<SentAhead>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * `maxConnections` is the number of connections of the instance; `all` are the slots of all
   * instances that share connections.
   */
  constructor(maxConnections: number, all?: SendAheadSlots) {
    this.#free = Math.floor(maxConnections / 2);
    this.#all = all;
  }

  /** Takes a slot. Returns the function that releases it, or undefined when none is free. */
  tryTake(): (() => void) | undefined {
    if (this.#free === 0) return undefined;
    const ofAll = this.#all?.tryTake();
    if (this.#all !== undefined && ofAll === undefined) return undefined;
    this.#free -= 1;
    let isTaken = true;
    return () => {
      if (isTaken) this.#free += 1;
      isTaken = false;
      ofAll?.();
    };
  }

  /** Registers an upload that may be ended. Returns the function that removes it. */
  add(sent: SentAhead): () => void {
    this.#sent.add(sent);
    const removeFromAll = this.#all?.add(sent);
    return () => {
      this.#sent.delete(sent);
      removeFromAll?.();
      if (this.#sent.size === 0) this.#stopTimer();
    };
  }

  /**
   * Ends the upload that has waited longest for its client: at once, or as soon as one has waited
   * for a quarter of a second. Called when a request begins to wait for a connection.
   */
  freeOne(): void {
    if (this.#sent.size === 0) return;
    if (this.#endIdlest()) return this.#stopTimer();
    this.#timer ??= setTimeout(() => {
      this.#stopTimer();
      this.#endIdlest();
    }, IDLE_MS);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #endIdlest(): boolean {
    let found: SentAhead | undefined;
    let longestMs = IDLE_MS;
    for (const sent of this.#sent) {
      const { waitedMs } = sent;
      if (waitedMs < longestMs) continue;
      found = sent;
      longestMs = waitedMs;
    }
    found?.abandon();
    return found !== undefined;
  }
}
