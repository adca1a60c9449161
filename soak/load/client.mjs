import { exchange } from './exchange.mjs';
import { hash } from './files.mjs';
import { GARBAGE } from './garbage.mjs';
import { READINGS } from './readings.mjs';
import { REFUSED_UPLOADS, UPLOADS } from './uploads.mjs';

const WITHOUT_FILES = [...UPLOADS, ...REFUSED_UPLOADS, ...GARBAGE];
export const KINDS = [...WITHOUT_FILES, ...READINGS];

/** With so many files of its own a client only reads and deletes, so that storage stays bounded. */
const MOST_FILES = 12;

/** One of the clients: sends one request after the other, and knows the files that it was promised. */
export class Client {
  own = [];
  #target;
  #book;
  #name;
  #count = 0;

  constructor({ random, target, book, name }) {
    this.random = random;
    this.#target = target;
    this.#book = book;
    this.#name = name;
  }

  /** A file name that is used once, not in ASCII alone. */
  nextName() {
    return `图片 ${this.#name}-${(this.#count += 1)}.bin`;
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
    if (this.own.length > 0 || !READINGS.includes(kind)) await this.send(kind);
  }

  /** Sends one request of a kind. */
  async send(kind) {
    const plan = kind.plan(this);
    const id = `${this.#name}-${(this.#count += 1)}`;
    const headers = { ...plan.headers, 'x-soak-id': id };
    this.#book.announce(plan.files ?? []);
    const result = await exchange(this.#target, { ...plan, headers });
    this.#book.enter({ id, kind: kind.name, ...result });
    if (result.status < 400) this.#take(id, plan, result.answer);
  }

  #choices() {
    if (this.own.length === 0) return WITHOUT_FILES;
    return this.own.length < MOST_FILES ? KINDS : READINGS;
  }

  #take(id, { files, fetched }, answer) {
    if (files !== undefined) {
      const stored = JSON.parse(answer).files;
      this.#book.promise(id, stored);
      const byName = new Map(files.map(file => [file.name, file]));
      for (const { name, fileId } of stored)
        this.own.push({ fileId, sha256: byName.get(name)?.sha256 });
    }
    if (fetched !== undefined && hash(answer) !== fetched.sha256)
      this.#book.mismatch(id, fetched.fileId);
  }
}
