import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Book } from './load/book.mjs';
import { Client, KINDS } from './load/client.mjs';
import { ChildProcess } from './support/processes.mjs';
import { Random } from './support/random.mjs';

/** Memory is measured once this part of the time is over. */
const WARM_UP_PART = 0.15;
const LONGEST_IDLE_WAIT_MS = 30_000;
const LOOK_MS = 100;
/** So often in a row everything has to look the same. */
const IDLE_LOOKS = 5;

/** One soak of one adapter: its processes, its clients, and what is found at its end. */
export class Soak {
  #options;
  #random;
  #book = new Book();
  #agent = new Agent({ keepAlive: true });
  #cloud;
  #application;
  #clients;
  #handlesAtStart;

  constructor(options) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  /** Runs it to its end, and resolves with the record that the checks read. */
  async run() {
    await this.#start();
    try {
      const { seconds } = this.#options;
      await this.#firstLight();
      await this.#load(seconds * WARM_UP_PART);
      await this.#becomeIdle();
      const afterWarmUp = await this.#application.ask('memory');
      await this.#load(seconds * (1 - WARM_UP_PART));
      const end = await this.#becomeIdle();
      const atEnd = await this.#application.ask('memory');
      return await this.#record({ end, memory: { afterWarmUp, atEnd } });
    } finally {
      this.#agent.destroy();
      await this.#application.stop();
      await this.#cloud.stop();
    }
  }

  async #start() {
    const { adapter, clients } = this.#options;
    const cloudSeed = this.#random.integer(0, 2 ** 32 - 1);
    this.#cloud = await ChildProcess.start('cloud.mjs', { parameters: { seed: cloudSeed } });
    this.#application = await ChildProcess.start('application.mjs', {
      parameters: { adapter, cloud: this.#cloud.ready },
      execArgv: ['--expose-gc'],
      onNews: news => this.#book.hear(news),
    });
    const target = { url: this.#application.ready, agent: this.#agent };
    this.#clients = Array.from({ length: clients }, (_, index) => {
      const random = this.#random.fork();
      return new Client({ random, target, book: this.#book, name: `c${index}` });
    });
  }

  /** One request of each kind, so that all code is loaded before anything is counted. */
  async #firstLight() {
    const [client] = this.#clients;
    for (const kind of KINDS.filter(({ name }) => name !== 'client stalls')) {
      await client.sendFirst(kind);
    }
    const { handles } = await this.#untilIdle(({ handles: { Timeout } }) => Timeout === undefined);
    this.#handlesAtStart = handles;
  }

  async #load(seconds) {
    await this.#cloud.ask('setFaultShare', this.#options.faultShare);
    const endMs = performance.now() + seconds * 1_000;
    const isOver = () => performance.now() >= endMs;
    await Promise.all(this.#clients.map(client => client.run(isOver)));
    await this.#cloud.ask('setFaultShare', 0);
  }

  async #becomeIdle() {
    const start = JSON.stringify(this.#handlesAtStart);
    return this.#untilIdle(({ handles }) => JSON.stringify(handles) === start);
  }

  /** Waits until nothing is under way in any process and nothing changes; no longer than half a minute. */
  async #untilIdle(isIdle) {
    this.#agent.destroy();
    const endMs = performance.now() + LONGEST_IDLE_WAIT_MS;
    for (let looks = 0, before = ''; ;) {
      const connections = await this.#cloud.ask('countConnections');
      const application = await this.#application.ask('state');
      const looked = JSON.stringify(application);
      const isQuiet = connections + application.active === 0;
      looks = isQuiet && isIdle(application) && looked === before ? looks + 1 : 0;
      before = looked;
      if (looks === IDLE_LOOKS || performance.now() > endMs)
        return { isIdle: looks === IDLE_LOOKS, connections, ...application };
      await delay(LOOK_MS);
    }
  }

  async #record({ end, memory }) {
    const objects = await this.#cloud.ask('objects');
    const evidence = await this.#cloud.ask('evidence');
    const exitCode = await this.#application.stop();
    const { injected, tookEffect, hitFileIds, commonFaultsAtMs, secrets, ...figures } = evidence;
    const { requests, examples, promised, mismatches, kept, orphans, incidents } = this.#book;
    return {
      ...this.#options,
      expected: Object.fromEntries(KINDS.map(({ name, expected }) => [name, expected])),
      requests,
      examples,
      promised,
      mismatches,
      kept,
      orphans,
      incidents,
      objects,
      faults: { injected, tookEffect, hitFileIds, commonFaultsAtMs },
      isIdle: end.isIdle,
      connections: end.connections,
      temporary: end.temporary,
      handles: { atStart: this.#handlesAtStart, atEnd: end.handles },
      memory,
      texts: [...this.#book.texts, this.#application.output, this.#application.errorOutput],
      secrets,
      errorOutput: this.#application.errorOutput,
      exitCode,
      figures: { ...figures, logLines: this.#book.logLines, longestMs: this.#book.longestMs },
    };
  }
}
