import { exchange } from './exchange.mjs';
import { hash } from './files.mjs';

/** The number of its own files from which a client only reads and deletes, to limit storage. */
const MOST_FILES = 12;

/** A client: sends one request after the other, and keeps the files that it was promised. */
export class Client {
  own = [];
  #kinds;
  #channel;
  #inject;
  #watches;
  #book;
  #name;
  #count = 0;

  constructor({ random, kinds, channel, inject, watches, book, name }) {
    this.random = random;
    this.#kinds = kinds;
    this.#channel = channel;
    this.#inject = inject;
    this.#watches = watches;
    this.#book = book;
    this.#name = name;
  }

  /** Creates a unique file name that is not only ASCII. */
  nextName() {
    return `图片 ${this.#name}-${(this.#count += 1)}.bin`;
  }

  /** Creates a unique ID for a request. */
  nextId() {
    return `${this.#name}-${(this.#count += 1)}`;
  }

  /** Removes a file from its own ones before it is deleted. */
  takeOwn() {
    const [file] = this.own.splice(this.random.integer(0, this.own.length - 1), 1);
    return file;
  }

  /** Sends requests until it is told to stop. */
  async run(isOver) {
    while (!isOver()) await this.send(this.random.pickWeighted(this.#choices()));
  }

  /** Sends a request of a kind as soon as it has the files for it. */
  async sendFirst(kind) {
    const { readings } = this.#kinds;
    if (this.own.length > 0 || !readings.includes(kind)) await this.send(kind);
  }

  /** Sends a request of a kind, or all of its requests at once. */
  async send(kind) {
    const plans = [kind.plan(this)].flat();
    await Promise.all(plans.map(plan => this.sendPlan({ id: this.nextId(), kind, plan })));
  }

  /** Starts to send a request; the member `isOver` of the result is true at its end. */
  begin(kind, change = {}) {
    const request = { id: this.nextId(), isOver: false };
    const plan = { ...kind.plan(this), ...change };
    request.end = this.sendPlan({ id: request.id, kind, plan }).finally(() => {
      request.isOver = true;
    });
    return request;
  }

  /** Sends a request by its plan. */
  async sendPlan({ id, kind, plan }) {
    const watch = plan.isWatched === true ? await this.#watches.begin() : undefined;
    const headers = { ...plan.headers, ...watch?.headers, 'x-soak-id': id };
    this.#book.announce(id, plan);
    const send = plan.isInjected === true ? this.#inject : p => exchange(this.#channel, p);
    const result = await send({ ...plan, headers, watch });
    watch?.noteOutcome(result.outcome);
    this.#book.enter({ id, kind: kind.name, ...result });
    if (result.status < 400) this.#take(id, plan, result.answer);
  }

  /** Closes its own connections. */
  disconnect() {
    this.#channel.close();
  }

  #choices() {
    const { withoutFiles, readings, all } = this.#kinds;
    if (this.own.length === 0) return withoutFiles;
    return this.own.length < MOST_FILES ? all : readings;
  }

  #take(id, { files, sharedPath, fetched, listed }, answer) {
    if (files !== undefined) {
      const stored = JSON.parse(answer).files;
      this.#book.promise(id, stored);
      // The other of two requests at one path may come later and store the deleted object again.
      if (sharedPath !== undefined) return;
      const byName = new Map(files.map(file => [file.name, file]));
      for (const { name, fileId } of stored)
        this.own.push({ fileId, sha256: byName.get(name)?.sha256 });
    }
    if (listed !== undefined && !JSON.parse(answer).fileIds.includes(listed))
      this.#book.mismatch(id, listed);
    if (fetched !== undefined && hash(answer) !== fetched.sha256)
      this.#book.mismatch(id, fetched.fileId);
  }
}
