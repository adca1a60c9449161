/**
 * Limits the uploads of one instance that are sent while their client still sends: to half of its
 * connections, as they take as long as their clients.
 */
export class SendAheadSlots {
  #free: number;

  /** `maxConnections` is the number of connections of the instance. */
  constructor(maxConnections: number) {
    this.#free = Math.floor(maxConnections / 2);
  }

  /** Takes a slot. Returns the function that releases it, or undefined when none is free. */
  tryTake(): (() => void) | undefined {
    if (this.#free === 0) return undefined;
    this.#free -= 1;
    let isTaken = true;
    return () => {
      if (isTaken) this.#free += 1;
      isTaken = false;
    };
  }
}
