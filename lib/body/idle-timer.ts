import { setImmediate } from 'node:timers';
import { performance } from 'node:perf_hooks';

/** Number of steps in which the time is counted. */
const STEPS = 10;

/** A step that ends later than this was delayed: the process was frozen or busy. */
const DELAYED_MS = 100;

/**
 * Reports that something made no progress for some time, but never because the process itself did
 * not run. Containers are frozen, and data waits in the kernel meanwhile. So the time is counted in
 * steps, and a delayed step counts as half a step, however long it was. The timer fires only after
 * a step that ended in time, and after the data that the kernel had by then.
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

  /** Starts with {@link start}. */
  constructor(limitMs: number, onIdle: () => void) {
    this.#limitMs = limitMs;
    this.#onIdle = onIdle;
  }

  /** Starts or restarts the timer with a delay in milliseconds. */
  start(delayMs = this.#limitMs): void {
    this.stop();
    this.#countedMs = this.#limitMs - delayMs;
    this.#startStep(Math.min(delayMs, this.#limitMs / STEPS));
  }

  /** Records progress. Cheap, as the timer keeps running. */
  touch(): void {
    this.#touchedMs = performance.now();
  }

  /** Stops the timer. */
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
    // Immediates run after one round of pending I/O.
    this.#immediate = setImmediate(() => this.#count(lateMs > DELAYED_MS));
  }

  #count(wasDelayed: boolean): void {
    if (this.#touchedMs >= this.#stepStartedMs) this.#countedMs = 0;
    const idleMs = performance.now() - Math.max(this.#touchedMs, this.#stepStartedMs);
    this.#countedMs += Math.min(idleMs, wasDelayed ? this.#stepMs / 2 : this.#stepMs);
    // A process that is always delayed must reach the limit as well.
    const isOver = this.#countedMs >= this.#limitMs * (wasDelayed ? 2 : 1);
    if (isOver) return this.#onIdle();
    const wholeStepMs = this.#limitMs / STEPS;
    const leftMs = this.#limitMs - this.#countedMs;
    this.#startStep(wasDelayed ? wholeStepMs : Math.min(leftMs, wholeStepMs));
  }
}
