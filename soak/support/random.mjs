/** A source of random numbers that returns the same numbers for the same seed (mulberry32). */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** Returns a number from 0 (inclusive) to 1 (exclusive). */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Returns an integer from `least` to `most`, both inclusive. */
  integer(least, most) {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** Returns true in this share of all cases. */
  chance(share) {
    return this.next() < share;
  }

  /** Picks a member of a list. */
  pick(list) {
    return list[Math.floor(this.next() * list.length)];
  }

  /** Picks a member of a list by the `weight` of its members. */
  pickWeighted(list) {
    let left = this.next() * list.reduce((sum, { weight }) => sum + weight, 0);
    return list.find(({ weight }) => (left -= weight) < 0) ?? list.at(-1);
  }

  /** Creates another source, whose numbers do not depend on later calls of this one. */
  fork() {
    return new Random(Math.floor(this.next() * 2 ** 32));
  }
}
