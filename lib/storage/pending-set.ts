/** What is under way: can be waited for until nothing is. */
export class PendingSet<T> {
  readonly #items = new Set<T>();
  #waiting: (() => void)[] = [];

  /** How much is under way. */
  get size(): number {
    return this.#items.size;
  }

  /** Takes something up. */
  add(item: T): void {
    this.#items.add(item);
  }

  /** Something is over. */
  delete(item: T): void {
    this.#items.delete(item);
    if (this.#items.size > 0) return;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves once nothing is under way. */
  whenEmpty(): Promise<void> {
    if (this.#items.size === 0) return Promise.resolve();
    return new Promise(resolve => this.#waiting.push(resolve));
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }
}
