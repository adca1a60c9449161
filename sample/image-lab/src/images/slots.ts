import { ImageError } from './image-error.js';

/** Limits the number of concurrent tasks and of waiting ones; tasks wait in order. */
export class Slots {
  readonly #waiting = new Set<() => void>();
  readonly #longestQueue: number;
  #free: number;

  constructor(count: number, longestQueue: number) {
    this.#free = count;
    this.#longestQueue = longestQueue;
  }

  /**
   * Runs a task when a slot is free.
   * @throws {ImageError} `LAB_BUSY`, and the errors of {@link enter}
   */
  async run<Result>(task: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const leave = await this.enter(signal);
    try {
      return await task();
    } finally {
      leave();
    }
  }

  /**
   * Waits for a slot, and returns a function that releases it.
   * @throws {ImageError} `LAB_BUSY` if too many are waiting; if the signal aborts, its reason
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    let isIn = true;
    return () => {
      if (isIn) this.#leave();
      isIn = false;
    };
  }

  async #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#longestQueue) {
      throw new ImageError('LAB_BUSY', 'Too many images are worked on. Try again in a moment.');
    }
    await new Promise<void>((resolve, reject) => {
      const give = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.delete(give);
        reject(signal.reason as Error);
      };
      this.#waiting.add(give);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
