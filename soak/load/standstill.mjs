import { TIMEOUTS } from '../support/limits.mjs';

const TICK_MS = 50;

/**
 * Notices when the load generator itself was suspended, as on a busy machine: then it is not the
 * application's fault if a client was too slow.
 */
class Standstill {
  #stoodAtMs = -Infinity;
  #lastMs = performance.now();

  constructor() {
    setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /**
   * Returns true if it was suspended since a time for so long that a client may have been too slow.
   */
  hasHappenedSince(startedAtMs) {
    this.#tick();
    return this.#stoodAtMs >= startedAtMs;
  }

  #tick() {
    const nowMs = performance.now();
    if (nowMs - this.#lastMs > TIMEOUTS.idleMs / 2) this.#stoodAtMs = nowMs;
    this.#lastMs = nowMs;
  }
}

export const standstill = new Standstill();
