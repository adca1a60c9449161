import { setImmediate } from 'node:timers';
import { performance } from 'node:perf_hooks';

/**
 * A timer that fires later than this was held up: the process stood still, or was busy with
 * something else.
 */
const HELD_UP_MS = 100;

/**
 * Tells when something has not gone on for some time, and never because the process did not look:
 * containers are frozen, and what others send meanwhile waits in the kernel. So before it tells, it
 * has the event loop ask the kernel, and the time by which it fires late is given once more.
 */
export class IdleTimer {
  readonly #limitMs: number;
  readonly #onIdle: () => void;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #touchedMs = 0;
  #dueMs = 0;
  #wasHeldUp = false;

  /** Runs from {@link start} on. */
  constructor(limitMs: number, onIdle: () => void) {
    this.#limitMs = limitMs;
    this.#onIdle = onIdle;
  }

  /** Starts, or starts again, to wait for so many milliseconds. */
  start(delayMs = this.#limitMs): void {
    this.stop();
    this.#wasHeldUp = false;
    this.#touchedMs = performance.now() - (this.#limitMs - delayMs);
    this.#wait(delayMs);
  }

  /** It has gone on. Costs little, as it leaves the timer as it is. */
  touch(): void {
    this.#touchedMs = performance.now();
    this.#wasHeldUp = false;
  }

  /** Stops. */
  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
  }

  #wait(delayMs: number): void {
    this.#dueMs = performance.now() + delayMs;
    this.#timer = setTimeout(() => this.#onTimer(), delayMs);
  }

  #onTimer(): void {
    const lateMs = performance.now() - this.#dueMs;
    // Immediates come behind one round of what the kernel has.
    this.#immediate = setImmediate(() => this.#decide(lateMs));
  }

  #decide(lateMs: number): void {
    const leftMs = this.#limitMs - (performance.now() - this.#touchedMs);
    if (leftMs >= 1) return this.#wait(Math.ceil(leftMs));
    if (lateMs < HELD_UP_MS || this.#wasHeldUp) return this.#onIdle();
    this.#wasHeldUp = true;
    this.#wait(Math.min(Math.ceil(lateMs), this.#limitMs));
  }
}
