import { setTimeout as delay } from 'node:timers/promises';

const BETWEEN_MS = [500, 2_000];
/** The time for which Redis is away, at least that which it takes to start. */
const AWAY_MS = [0, 1_500];
/** The deeds of each round. */
const ROUND = ['kill', 'kill', 'restartRedis', 'sweep'];

/** Kills replicas, restarts Redis, and sweeps, in rounds of random order. */
export class Disturber {
  /** The number of its deeds. */
  deeds = { kill: 0, restartRedis: 0, sweep: 0 };
  #replicas;
  #redis;
  #ledger;
  #random;

  constructor({ replicas, redis, ledger, random }) {
    this.#replicas = replicas;
    this.#redis = redis;
    this.#ledger = ledger;
    this.#random = random;
  }

  /** Goes on until the end of the soak, for one round at least. */
  async run(isOver) {
    for (let round = 0; round === 0 || !isOver(); round += 1) {
      for (const deed of this.#shuffle(ROUND)) {
        if (round > 0 && isOver()) return;
        await delay(this.#random.integer(...BETWEEN_MS));
        await this[deed]();
        this.deeds[deed] += 1;
      }
    }
  }

  /** Kills a replica in the middle of its requests. */
  async kill() {
    await this.#replicas.replace(this.#replicas.pick(this.#random));
  }

  /** Restarts Redis in order, or as after a failure. */
  async restartRedis() {
    await this.#redis[this.#random.pick(['stop', 'crash'])]();
    await delay(this.#random.integer(...AWAY_MS));
    await this.#redis.start();
  }

  /** Sweeps what a request that runs cannot have recorded. */
  async sweep() {
    await this.#ledger.makeOldDue();
    await this.#replicas.pick(this.#random).child.ask('sweep');
  }

  #shuffle(list) {
    return list
      .map(member => ({ member, rank: this.#random.next() }))
      .toSorted((a, b) => a.rank - b.rank)
      .map(({ member }) => member);
  }
}
