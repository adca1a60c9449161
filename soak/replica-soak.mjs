import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HOST, startRedisProgram } from '../test/support/redis-program.mjs';
import { Book } from './load/book.mjs';
import { SpreadChannel } from './load/channels.mjs';
import { Client } from './load/client.mjs';
import { Disturber } from './load/disturber.mjs';
import { kindsOf } from './load/kinds.mjs';
import { runLoad } from './load/run-load.mjs';
import { WATCHED } from './load/watched.mjs';
import { Watches } from './load/watches.mjs';
import { recordSoak } from './record.mjs';
import { untilIdle } from './support/idle.mjs';
import { Ledger } from './support/ledger.mjs';
import { ChildProcess } from './support/processes.mjs';
import { Random } from './support/random.mjs';
import { readRecords } from './support/records.mjs';
import { Replicas } from './support/replicas.mjs';

/** The time after which a sweeping replica is killed. */
const SWEEPING_MS = [0, 100];
/** The most attempts to sweep all files; the cloud has no faults any more. */
const MOST_SWEEPS = 5;

const startRedis = () =>
  startRedisProgram(async (port, folder) => [
    '--port',
    String(port),
    '--bind',
    HOST,
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'yes',
  ]);

/** A soak of replicas that share a Redis, and are killed. */
export class ReplicaSoak {
  #options;
  #random;
  #book = new Book();
  #folder = mkdtempSync(join(tmpdir(), 'wx-cloud-soak-replicas-'));
  #recordsFolder = join(this.#folder, 'records');
  #redis;
  #ledger;
  #cloud;
  #replicas;
  #watches;
  #clients = [];
  #disturber;

  constructor(options) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  /** Runs the soak, and resolves with the record for the checks. */
  async run() {
    try {
      await this.#start();
      await this.#firstLight();
      const { seconds, faultShare } = this.#options;
      await runLoad(this.#cloud, [this.#disturber, ...this.#clients], {
        seconds,
        faultShare,
        isBroken: () => this.#replicas.areBroken,
      });
      const watches = await this.#watches.end();
      const end = await this.#becomeIdle();
      const pending = await this.#sweep();
      return await this.#record({ watches, end, pending });
    } finally {
      this.#watches?.leave();
      this.#replicas?.disconnect();
      await this.#replicas?.stop();
      await this.#cloud?.stop();
      this.#ledger?.close();
      await this.#redis?.close();
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  async #start() {
    mkdirSync(this.#recordsFolder);
    this.#redis = await startRedis();
    const parameters = { seed: this.#random.integer(0, 2 ** 32 - 1) };
    this.#cloud = await ChildProcess.start('cloud.mjs', { parameters });
    const cloud = this.#cloud.ready;
    this.#ledger = await Ledger.open(this.#redis.url, cloud.options.env);
    const replica = {
      redisUrl: this.#redis.url,
      folder: this.#folder,
      recordsFolder: this.#recordsFolder,
    };
    this.#replicas = new Replicas({ cloud, replica }, news => this.#book.hear(news));
    await this.#replicas.start();
    this.#watches = new Watches(this.#replicas, this.#random.fork());
    this.#makeClients();
    this.#disturber = new Disturber({
      replicas: this.#replicas,
      redis: this.#redis,
      ledger: this.#ledger,
      random: this.#random.fork(),
    });
  }

  #makeClients() {
    const { adapter, clients } = this.#options;
    const kinds = kindsOf(adapter);
    const channel = new SpreadChannel(this.#replicas, this.#random.fork());
    this.#clients = Array.from(
      { length: clients },
      (_, index) =>
        new Client({
          random: this.#random.fork(),
          kinds,
          channel,
          watches: this.#watches,
          book: this.#book,
          name: `c${index}`,
        }),
    );
  }

  /** Watches a few uploads without faults, so that some ends are certain. */
  async #firstLight() {
    const [kind] = WATCHED;
    const some = this.#clients.slice(0, this.#replicas.running.length);
    await Promise.all(some.map(client => client.send(kind)));
  }

  #becomeIdle() {
    this.#replicas.disconnect();
    const look = async () => {
      const states = await this.#replicas.ask('state');
      const active = states.reduce((sum, state) => sum + state.active, 0);
      return { connections: await this.#cloud.ask('countConnections'), active };
    };
    return untilIdle(look, ({ connections, active }) => connections + active === 0);
  }

  /** Sweeps all files, also those of a sweep whose process was killed. */
  async #sweep() {
    const atStart = await this.#ledger.count();
    await this.#ledger.makeAllDue();
    const sweeper = this.#replicas.pick(this.#random);
    const sweeping = sweeper.child.ask('sweep').catch(() => {});
    await delay(this.#random.integer(...SWEEPING_MS));
    await this.#replicas.kill(sweeper);
    await sweeping;
    for (let sweeps = 0; sweeps < MOST_SWEEPS && (await this.#ledger.count()) > 0; sweeps += 1) {
      await this.#ledger.makeAllDue();
      await this.#replicas.ask('sweep');
    }
    await this.#replicas.pick(this.#random).child.ask('sweepParts');
    return { atStart, left: await this.#ledger.count() };
  }

  async #record({ watches, end, pending }) {
    const { all } = this.#replicas;
    const exitCodes = await this.#replicas.stop();
    const perhaps = all.flatMap(({ name }) =>
      this.#book.inherit(readRecords(this.#recordsFolder, name)),
    );
    const processes = all.map(({ child }) => child);
    return {
      ...(await recordSoak(this.#options, this.#book, this.#cloud, processes)),
      isIdle: end.isIdle,
      connections: end.connections,
      deeds: this.#disturber.deeds,
      watches,
      perhaps,
      pending,
      exitCodes,
    };
  }
}
