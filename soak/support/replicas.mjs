import { Http1Channel } from '../load/channels.mjs';
import { ChildProcess } from './processes.mjs';

/** The replicas at any time: their adapters, and their clients of Redis. */
const LANES = [
  { adapter: 'express', client: 'redis' },
  { adapter: 'fastify', client: 'ioredis' },
  { adapter: 'express', client: 'ioredis' },
  { adapter: 'fastify', client: 'redis' },
];

/** One process, from its start until its end. */
class Replica {
  /** True from just before the process is killed. */
  isKilled = false;

  constructor(name, lane, child) {
    this.name = name;
    this.lane = lane;
    this.child = child;
    this.url = child.ready;
    this.channel = new Http1Channel(this.url, Http1Channel.share());
  }

  /** Ends the process in the middle of its work; resolves at its end. */
  async kill() {
    this.isKilled = true;
    await this.child.kill();
    this.channel.close();
  }
}

/** The replicas of one application, in a process each. A killed one is replaced by another. */
export class Replicas {
  /** All that have ever run, and those that run. */
  all = [];
  running = [];
  #parameters;
  #onNews;
  #count = 0;

  /** Starts none yet. `parameters` are those of each process. */
  constructor(parameters, onNews) {
    this.#parameters = parameters;
    this.#onNews = onNews;
  }

  /** Starts all of them. */
  async start() {
    await Promise.all(LANES.map(lane => this.#start(lane)));
  }

  /** Picks a running one. */
  pick(random) {
    return random.pick(this.running);
  }

  /** Kills a running one, once it has recorded what it does. */
  async kill(replica) {
    if (!(await replica.child.ask('isRecorded')))
      throw new Error(`${replica.name} has recorded nothing for too long`);
    this.running.splice(this.running.indexOf(replica), 1);
    await replica.kill();
  }

  /** Kills a running one and starts another in its place. */
  async replace(replica) {
    await this.kill(replica);
    await this.#start(replica.lane);
  }

  /** True if one has ended by itself. */
  get areBroken() {
    return this.running.some(({ child }) => child.isGone);
  }

  /** Asks all running ones. */
  ask(question) {
    return Promise.all(this.running.map(({ child }) => child.ask(question)));
  }

  /** Closes the connections of the clients. */
  disconnect() {
    for (const { channel } of this.all) channel.close();
  }

  /** Asks all running ones to end; resolves with their exit codes. */
  stop() {
    return Promise.all(this.running.map(({ child }) => child.stop()));
  }

  async #start(lane) {
    this.#count += 1;
    const name = `replica${this.#count}`;
    const { replica, ...rest } = this.#parameters;
    const { adapter, client } = lane;
    const child = await ChildProcess.start('application.mjs', {
      parameters: { ...rest, adapter, replica: { ...replica, name, client } },
      onNews: this.#onNews,
    });
    const started = new Replica(name, lane, child);
    this.all.push(started);
    this.running.push(started);
  }
}
