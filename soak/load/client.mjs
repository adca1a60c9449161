import { exchange } from './exchange.mjs';
import { hash } from './files.mjs';

/** With so many files of its own a client only reads and deletes, so that storage stays bounded. */
const MOST_FILES = 12;

/** One of the clients: sends one request after the other, and knows the files that it was promised. */
export class Client {
  own = [];
  #kinds;
  #channel;
  #inject;
  #book;
  #name;
  #count = 0;

  constructor({ random, kinds, channel, inject, book, name }) {
    this.random = random;
    this.#kinds = kinds;
    this.#channel = channel;
    this.#inject = inject;
    this.#book = book;
    this.#name = name;
  }

  /** A file name that is used once, not in ASCII alone. */
  nextName() {
    return `图片 ${this.#name}-${(this.#count += 1)}.bin`;
  }

  /** Something that is used once, to name a request by. */
  nextId() {
    return `${this.#name}-${(this.#count += 1)}`;
  }

  /** Gives a file away, as it is going to be deleted. */
  takeOwn() {
    const [file] = this.own.splice(this.random.integer(0, this.own.length - 1), 1);
    return file;
  }

  /** Sends requests until it is told to stop. */
  async run(isOver) {
    while (!isOver()) await this.send(this.random.pickWeighted(this.#choices()));
  }

  /** Sends one request of a kind, when it has what that takes. */
  async sendFirst(kind) {
    const { readings } = this.#kinds;
    if (this.own.length > 0 || !readings.includes(kind)) await this.send(kind);
  }

  /** Sends one request of a kind, or all that it consists of at once. */
  async send(kind) {
    const plans = [kind.plan(this)].flat();
    await Promise.all(plans.map(plan => this.sendPlan({ id: this.nextId(), kind, plan })));
  }

  /** Begins to send one request; says by its member `isOver` when it has ended. */
  begin(kind, change = {}) {
    const request = { id: this.nextId(), isOver: false };
    const plan = { ...kind.plan(this), ...change };
    request.end = this.sendPlan({ id: request.id, kind, plan }).finally(() => {
      request.isOver = true;
    });
    return request;
  }

  /** Sends one request as it is planned. */
  async sendPlan({ id, kind, plan }) {
    const headers = { ...plan.headers, 'x-soak-id': id };
    this.#book.announce(id, plan);
    const send = plan.isInjected === true ? this.#inject : p => exchange(this.#channel, p);
    const result = await send({ ...plan, headers });
    this.#book.enter({ id, kind: kind.name, ...result });
    if (result.status < 400) this.#take(id, plan, result.answer);
  }

  /** Lets go of the connections that it has for itself. */
  disconnect() {
    this.#channel.close();
  }

  #choices() {
    const { withoutFiles, readings, all } = this.#kinds;
    if (this.own.length === 0) return withoutFiles;
    return this.own.length < MOST_FILES ? all : readings;
  }

  #take(id, { files, sharedPath, fetched }, answer) {
    if (files !== undefined) {
      const stored = JSON.parse(answer).files;
      this.#book.promise(id, stored);
      // The other of two at one path may come later, so that what is deleted would be there again.
      if (sharedPath !== undefined) return;
      const byName = new Map(files.map(file => [file.name, file]));
      for (const { name, fileId } of stored)
        this.own.push({ fileId, sha256: byName.get(name)?.sha256 });
    }
    if (fetched !== undefined && hash(answer) !== fetched.sha256)
      this.#book.mismatch(id, fetched.fileId);
  }
}
