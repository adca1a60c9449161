import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * The time after which a watch ends by itself, of its upload nothing having been heard: a minute,
 * and some for a busy machine.
 */
const LONGEST_SILENCE_MS = 75_000;
/**
 * The time after the response in which a watch ends whose upload was stored: a lost end is asked
 * for after 10 seconds.
 */
const LONGEST_WAIT_MS = 30_000;
const LOOK_MS = 50;

/** One watch of an upload, on one replica, while another may receive the upload. */
class Watch {
  id = randomUUID();
  /** The last event; undefined while the watch goes on. */
  end;
  /** The status of the upload, or how else it ended. */
  outcome;
  #watcher;
  #uploader;
  #request;
  #endedAtMs;

  constructor(watcher) {
    this.#watcher = watcher;
  }

  /** Opens the stream of events; resolves when it is open, or cannot be. */
  async begin() {
    this.#request = get(`${this.#watcher.url}/progress/watch/${this.id}`, { agent: false });
    this.#request.on('error', () => this.#finish('cut'));
    const closed = once(this.#request, 'close');
    this.#request.once('response', response => this.#read(response));
    await Promise.race([once(this.#request, 'response'), closed]).catch(() => {});
  }

  /** The header that names it to the upload. */
  get headers() {
    return { 'x-soak-progress': this.id };
  }

  /** Takes note of the replica that receives the upload. */
  follow(replica) {
    this.#uploader = replica;
  }

  /** Takes note of the outcome of the upload. */
  noteOutcome(outcome) {
    this.outcome = outcome;
    this.#endedAtMs = performance.now();
  }

  /** True if its end is due by now. */
  get isOverdue() {
    const ms = performance.now() - this.#endedAtMs;
    return ms > (this.outcome === 201 && !this.isExcused ? LONGEST_WAIT_MS : LONGEST_SILENCE_MS);
  }

  /** True if it may end without the outcome of the upload, as one of its replicas was killed. */
  get isExcused() {
    return this.#watcher.isKilled || this.#uploader?.isKilled === true;
  }

  /** True if it is only open because its client still is. */
  get isOpen() {
    return this.end === undefined;
  }

  leave() {
    this.#request?.destroy();
  }

  #read(response) {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', chunk => (text += chunk));
    response.on('error', () => this.#finish('cut'));
    response.on('end', () => {
      const [, outcome] = /"type":"end","outcome":"(\w+)"/.exec(text) ?? [];
      this.#finish(outcome ?? 'cut');
    });
  }

  #finish(end) {
    this.end ??= end;
  }
}

/** The watches of all clients. */
export class Watches {
  #all = [];
  #replicas;
  #random;

  constructor(replicas, random) {
    this.#replicas = replicas;
    this.#random = random;
  }

  /** Begins to watch on any replica. */
  async begin() {
    const watch = new Watch(this.#replicas.pick(this.#random));
    this.#all.push(watch);
    await watch.begin();
    return watch;
  }

  /** Waits for those that have to end soon; then the clients of the others leave. */
  async end() {
    const hasToEnd = ({ isOpen, outcome, isExcused }) => isOpen && outcome === 201 && !isExcused;
    while (this.#all.some(watch => hasToEnd(watch) && !watch.isOverdue)) await delay(LOOK_MS);
    const record = this.#all.map(({ id, end, outcome, isExcused, isOverdue }) => ({
      id,
      end: end ?? (isOverdue ? 'overdue' : 'open'),
      outcome,
      isExcused,
    }));
    this.leave();
    return record;
  }

  /** Closes the connections of all. */
  leave() {
    for (const watch of this.#all) watch.leave();
  }
}
