import { TIMEOUTS } from '../support/limits.mjs';

const TICK_MS = 50;

/**
 * Notices when the load generator itself stood still, as on a machine that has other work: then it
 * is not the application's doing when a client was too slow.
 */
class Standstill {
  #stoodAtMs = -Infinity;
  #lastMs = performance.now();

  constructor() {
    setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /** Whether it has stood still since a time for so long that a client may have been too slow. */
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
