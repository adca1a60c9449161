import { setImmediate } from 'node:timers';
import { performance } from 'node:perf_hooks';

/** The time is counted in so many steps. */
const STEPS = 10;

/**
 * A step that ends later than this was held up: the process stood still, or was busy with something
 * else.
 */
const HELD_UP_MS = 100;

/**
 * Tells when something has not gone on for some time, and never because the process did not look:
 * containers are frozen, and what others send meanwhile waits in the kernel. So the time is counted
 * in steps, of which one that was held up counts half of a step, however long it was. It tells only
 * behind a step that ended in time, and behind what the kernel had by then.
 */
export class IdleTimer {
  readonly #limitMs: number;
  readonly #onIdle: () => void;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  /** The sum of the steps before this one. */
  #countedMs = 0;
  #stepMs = 0;
  #stepStartedMs = 0;
  #touchedMs = 0;

  /** Runs from {@link start} on. */
  constructor(limitMs: number, onIdle: () => void) {
    this.#limitMs = limitMs;
    this.#onIdle = onIdle;
  }

  /** Starts, or starts again, to wait for so many milliseconds. */
  start(delayMs = this.#limitMs): void {
    this.stop();
    this.#countedMs = this.#limitMs - delayMs;
    this.#startStep(Math.min(delayMs, this.#limitMs / STEPS));
  }

  /** It has gone on. Costs little, as it leaves the timer as it is. */
  touch(): void {
    this.#touchedMs = performance.now();
  }

  /** Stops. */
  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
  }

  #startStep(stepMs: number): void {
    this.#stepMs = Math.max(1, Math.ceil(stepMs));
    this.#stepStartedMs = performance.now();
    this.#timer = setTimeout(() => this.#onTimer(), this.#stepMs);
  }

  #onTimer(): void {
    const lateMs = performance.now() - this.#stepStartedMs - this.#stepMs;
    // Immediates come behind one round of what the kernel has.
    this.#immediate = setImmediate(() => this.#count(lateMs > HELD_UP_MS));
  }

  #count(wasHeldUp: boolean): void {
    if (this.#touchedMs >= this.#stepStartedMs) this.#countedMs = 0;
    const idleMs = performance.now() - Math.max(this.#touchedMs, this.#stepStartedMs);
    this.#countedMs += Math.min(idleMs, wasHeldUp ? this.#stepMs / 2 : this.#stepMs);
    // A process that is always held up is to come to an end as well.
    const isOver = this.#countedMs >= this.#limitMs * (wasHeldUp ? 2 : 1);
    if (isOver) return this.#onIdle();
    const wholeStepMs = this.#limitMs / STEPS;
    const leftMs = this.#limitMs - this.#countedMs;
    this.#startStep(wasHeldUp ? wholeStepMs : Math.min(leftMs, wholeStepMs));
  }
}
