import { ImageError } from './image-error.js';

/** Lets so many tasks run at once; the others wait in order, so many of them at most. */
export class Slots {
  readonly #waiting = new Set<() => void>();
  readonly #longestQueue: number;
  #free: number;

  constructor(count: number, longestQueue: number) {
    this.#free = count;
    this.#longestQueue = longestQueue;
  }

  /**
   * Runs a task when there is room for it.
   * @throws {ImageError} `LAB_BUSY`, and as {@link enter} does
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
   * Waits for room, which is taken until the function that it gives is called.
   * @throws {ImageError} `LAB_BUSY` when too many wait already; the signal's reason when that is
   * aborted
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
