/** Number of looks at a connection within the limit. */
const LOOKS = 4;

/**
 * The body of a request, watched while it is sent: a connection that has a chunk and does not ask
 * for the next one makes no progress. The wait for a chunk of the source does not count. Looks are
 * counted instead of time, so that a process that was frozen has not waited.
 */
export class SentBody implements AsyncIterableIterator<Uint8Array> {
  readonly #chunks: AsyncIterableIterator<Uint8Array>;
  readonly #idleMs: number;
  /** Called when the connection took nothing for `idleMs`, or up to a quarter longer. */
  onStalled: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #isWithConnection = false;
  #looks = 0;
  #isOver = false;

  /** Reads nothing yet. */
  constructor(chunks: AsyncIterableIterator<Uint8Array>, idleMs: number) {
    this.#chunks = chunks;
    this.#idleMs = idleMs;
  }

  /** Reads the next chunk; the connection has taken the last one. */
  next(): Promise<IteratorResult<Uint8Array>> {
    this.#isWithConnection = false;
    this.#looks = 0;
    const result = this.#chunks.next();
    // Beside the result, which would arrive later as the result of another promise.
    result.then(this.#onResult, this.#stop);
    return result;
  }

  /** Ends the body; errors no longer belong to the request. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#stop();
    await this.#chunks.return?.().catch(() => {});
    return { done: true, value: undefined };
  }

  /** See {@link AsyncIterableIterator}. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #onResult = ({ done }: IteratorResult<Uint8Array>): void => {
    if (done === true) return this.#stop();
    if (this.#isOver) return;
    this.#isWithConnection = true;
    this.#timer ??= setInterval(() => this.#look(), Math.max(1, this.#idleMs / LOOKS));
  };

  #look(): void {
    if (!this.#isWithConnection) return;
    this.#looks += 1;
    // The first look may come right behind the chunk.
    if (this.#looks <= LOOKS) return;
    this.#stop();
    this.onStalled();
  }

  readonly #stop = (): void => {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#timer = undefined;
  };
}
