/** Numbers that look random and are the same for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /**
   * From 0 to below 1, by mulberry32, which is in the public domain.
   *
   * @see https://github.com/bryc/code/blob/master/jshash/PRNGs.md
   */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `min` to `max`, ends included. */
  whole(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** One of a list. */
  pick<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length - 1)] as T;
  }

  /** A list of a random length. */
  list<T>([min, max]: readonly [number, number], make: () => T): T[] {
    return Array.from({ length: this.whole(min, max) }, make);
  }

  /** Text of the given characters. */
  text(characters: string, length: readonly [number, number]): string {
    return this.list(length, () => this.pick([...characters])).join('');
  }

  /** Bytes of any value. */
  bytes(length: readonly [number, number]): Buffer {
    return Buffer.from(this.list(length, () => this.whole(0, 255)));
  }
}
