import { setTimeout as delay } from 'node:timers/promises';
import { Book } from './load/book.mjs';
import { Http1Channel, Http2Channel } from './load/channels.mjs';
import { Client } from './load/client.mjs';
import { Freezer } from './load/freezer.mjs';
import { HOLDING, holdConnections } from './load/holding.mjs';
import { kindsOf } from './load/kinds.mjs';
import { runLoad } from './load/run-load.mjs';
import { recordSoak } from './record.mjs';
import { LONGEST_IDLE_WAIT_MS, LOOK_MS, untilIdle } from './support/idle.mjs';
import { ChildProcess } from './support/processes.mjs';
import { Random } from './support/random.mjs';

/** The part of the time after which memory is measured. */
const WARM_UP_PART = 0.25;
/** The timeout for closing the application, which must close within 10 seconds. */
const LONGEST_CLOSE_MS = 40_000;
/** The heap size, as on a small machine, where the memory held by a single request matters. */
const HEAP_MIB = 256;
/** One soak of one adapter: its processes, its clients and its results. */
export class Soak {
  #options;
  #random;
  #book = new Book();
  #cloud;
  #application;
  #clients;
  #kinds;
  #freezer;
  #handlesAtStart;

  constructor(options) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#kinds = kindsOf(options.adapter);
  }

  /** Runs the soak, and resolves with the record for the checks. */
  async run() {
    try {
      await this.#start();
      const { seconds } = this.#options;
      await this.#firstLight();
      await this.#load(seconds * WARM_UP_PART);
      await this.#becomeIdle();
      const afterWarmUp = await this.#application.ask('memory');
      await this.#load(seconds * (1 - WARM_UP_PART));
      const end = await this.#becomeIdle();
      const atEnd = await this.#application.ask('memory');
      const hasClosed = await this.#close();
      return await this.#record({ end, hasClosed, memory: { afterWarmUp, atEnd } });
    } finally {
      if (this.#clients !== undefined) this.#disconnect();
      await this.#application?.stop();
      await this.#cloud?.stop();
    }
  }

  async #start() {
    const { adapter, clients } = this.#options;
    const cloudSeed = this.#random.integer(0, 2 ** 32 - 1);
    this.#cloud = await ChildProcess.start('cloud.mjs', { parameters: { seed: cloudSeed } });
    this.#application = await ChildProcess.start('application.mjs', {
      parameters: { adapter, cloud: this.#cloud.ready },
      execArgv: ['--expose-gc', `--max-old-space-size=${HEAP_MIB}`],
      onNews: news => this.#book.hear(news),
    });
    this.#makeClients(adapter === 'http2' ? Http2Channel : Http1Channel, clients);
  }

  #makeClients(Channel, count) {
    const shared = Channel.share();
    const makeClient = name =>
      new Client({
        random: this.#random.fork(),
        kinds: this.#kinds,
        channel: new Channel(this.#application.ready, shared),
        inject: plan => this.#inject(plan),
        book: this.#book,
        name,
      });
    this.#clients = Array.from({ length: count }, (_, index) => makeClient(`c${index}`));
    this.#freezer = new Freezer(this.#application, makeClient('frozen'));
  }

  async #inject({ path, headers, body }) {
    const startedAtMs = performance.now();
    const plan = { path, headers, body: body.toString('base64') };
    const { status, answer } = await this.#application.ask('inject', plan);
    const ms = performance.now() - startedAtMs;
    return { outcome: status, status, answer: Buffer.from(answer, 'base64'), ms };
  }

  #disconnect() {
    for (const client of this.#clients) client.disconnect();
    this.#freezer.disconnect();
  }

  /** Sends one request of each kind, so that all code is loaded before anything is counted. */
  async #firstLight() {
    const [client] = this.#clients;
    const kinds = this.#kinds.all.filter(({ isSlow }) => isSlow !== true);
    for (const kind of kinds) await client.sendFirst(kind);
    this.#disconnect();
    const { handles } = await this.#untilIdle(({ handles: { Timeout } }) => Timeout === undefined);
    this.#handlesAtStart = handles;
  }

  #load(seconds) {
    const { faultShare, withFreezes } = this.#options;
    const freezers = withFreezes ? [this.#freezer] : [];
    return runLoad(this.#cloud, [...freezers, ...this.#clients], {
      seconds,
      faultShare,
      isBroken: () => this.#application.isGone,
    });
  }

  async #becomeIdle() {
    const openStreams = await this.#untilNoStreams();
    this.#disconnect();
    const start = JSON.stringify(this.#handlesAtStart);
    const end = await this.#untilIdle(({ handles }) => JSON.stringify(handles) === start);
    return { ...end, openStreams };
  }

  /**
   * Waits for the streams while the clients' sessions are still open, because they end with them.
   */
  async #untilNoStreams() {
    const endMs = performance.now() + LONGEST_IDLE_WAIT_MS;
    for (;;) {
      const { streams } = await this.#application.ask('state');
      if (streams === 0 || performance.now() > endMs) return streams;
      await delay(LOOK_MS);
    }
  }

  /**
   * Closes the application while active clients would hold on to it forever. Resolves with true if
   * it closed.
   */
  async #close() {
    const [client] = this.#clients;
    const sockets = await holdConnections(this.#options.adapter, this.#application.ready);
    const requests = HOLDING.map(kind => client.begin(kind));
    await this.#untilActive(requests);
    const giveUp = new AbortController();
    const hasClosed = await Promise.race([
      this.#application.ask('close').then(() => true),
      delay(LONGEST_CLOSE_MS, false, { signal: giveUp.signal }),
    ]);
    giveUp.abort();
    for (const socket of sockets) socket.destroy();
    await Promise.all(requests.map(({ end }) => end));
    return hasClosed;
  }

  /** Waits until the application has started, or already ended, each request. */
  async #untilActive(requests) {
    for (;;) {
      const active = new Set(await this.#application.ask('activeIds'));
      if (requests.every(({ id, isOver }) => isOver || active.has(id))) return;
      await delay(LOOK_MS / 5);
    }
  }

  /** Waits until all processes are idle and nothing changes. */
  #untilIdle(isIdle) {
    const look = async () => ({
      connections: await this.#cloud.ask('countConnections'),
      ...(await this.#application.ask('state')),
    });
    return untilIdle(look, state => state.connections + state.active === 0 && isIdle(state));
  }

  async #record({ end, hasClosed, memory }) {
    const exitCode = await this.#application.stop();
    return {
      ...(await recordSoak(this.#options, this.#book, this.#cloud, [this.#application])),
      freezes: {
        isWanted: this.#options.withFreezes,
        count: this.#freezer.freezes,
        forms: this.#freezer.frozenForms,
      },
      isIdle: end.isIdle,
      hasClosed,
      openStreams: end.openStreams,
      connections: end.connections,
      temporary: end.temporary,
      handles: { atStart: this.#handlesAtStart, atEnd: end.handles },
      memory,
      exitCode,
    };
  }
}
