/** A source of random numbers that gives the same ones for the same seed (mulberry32). */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `least` to `most`, both included. */
  integer(least, most) {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** Whether something happens that happens in this share of all cases. */
  chance(share) {
    return this.next() < share;
  }

  /** One of a list. */
  pick(list) {
    return list[Math.floor(this.next() * list.length)];
  }

  /** One of a list whose members say how often they come, as `weight`. */
  pickWeighted(list) {
    let left = this.next() * list.reduce((sum, { weight }) => sum + weight, 0);
    return list.find(({ weight }) => (left -= weight) < 0) ?? list.at(-1);
  }

  /** Another source, whose numbers do not hang on how many this one gives later. */
  fork() {
    return new Random(Math.floor(this.next() * 2 ** 32));
  }
}
