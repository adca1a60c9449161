import { createClient } from 'redis';

/** The time after which the package makes an upload due, and the least age that is due here. */
const UPLOAD_DUE_MS = 900_000;
const LEAST_AGE_MS = 20_000;

/** The files in Redis that no request owns yet. The soak decides when they are due. */
export class Ledger {
  #client;
  #key;

  /** Connects with Redis. */
  static async open(redisUrl, env) {
    const ledger = new Ledger();
    ledger.#key = `wx-cloud-storage:{${env}}:pending`;
    ledger.#client = createClient({ url: redisUrl, socket: { reconnectStrategy: 50 } });
    // A restart of Redis is part of the soak.
    ledger.#client.on('error', () => {});
    await ledger.#client.connect();
    return ledger;
  }

  /** Makes those due that are older than any request, so that their processes are gone. */
  async makeOldDue() {
    const time = await this.#client.sendCommand(['TIME']);
    const latest = Number(time[0]) * 1_000 + UPLOAD_DUE_MS - LEAST_AGE_MS;
    const old = await this.#client.zRangeByScore(this.#key, '-inf', latest);
    const uploads = old.filter(member => member.startsWith('upload '));
    if (uploads.length > 0)
      await this.#client.zAdd(
        this.#key,
        uploads.map(value => ({ value, score: 0 })),
      );
  }

  /** Makes all due; those that a sweep has claimed are free again. */
  async makeAllDue() {
    await this.#client.zUnionStore(this.#key, [{ key: this.#key, weight: 0 }]);
  }

  count() {
    return this.#client.zCard(this.#key);
  }

  close() {
    this.#client.destroy();
  }
}
