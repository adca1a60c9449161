import { pathOf } from '../support/paths.mjs';

/** The maximum number of distinct texts that are kept for the search for secrets. */
const MOST_TEXTS = 100_000;

const newShared = path => ({ path, requests: [], contents: [], answered: [] });

/** The runner's record of all requests, from the clients and from the application. */
export class Book {
  requests = {};
  examples = {};
  /** Files that a 2xx response promised to clients: file ID, name, request. */
  promised = [];
  mismatches = [];
  orphans = [];
  logLines = 0;
  longestMs = 0;
  #texts = new Set();
  #incidents = [];
  #hashes = new Map();
  #kept = new Map();
  #fates = new Map();
  #shared = new Map();

  /**
   * Registers the contents of files before they are sent, and the path if other requests share it.
   */
  announce(id, { files = [], sharedPath }) {
    for (const { name, sha256 } of files) this.#hashes.set(name, sha256);
    if (sharedPath === undefined) return;
    const shared = this.#shared.get(sharedPath) ?? newShared(sharedPath);
    this.#shared.set(sharedPath, shared);
    shared.requests.push(id);
    shared.contents.push(...files.map(({ sha256 }) => sha256));
  }

  /** Registers the end of a request. */
  enter({ id, kind, outcome, answer, reason = '', ms }) {
    const outcomes = (this.requests[kind] ??= {});
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    this.longestMs = Math.max(this.longestMs, ms);
    const text = answer === undefined || answer.byteLength > 4_096 ? '' : answer.toString();
    (this.examples[kind] ??= {})[outcome] = `request ${id}: ${reason}${text.slice(0, 300)}`;
    this.#keepText(text);
  }

  /** Registers a response that confirms stored files. */
  promise(id, files) {
    for (const { name, fileId } of files) this.promised.push({ id, name, fileId });
  }

  /** Registers that a client received other content than it had stored. */
  mismatch(id, fileId) {
    this.mismatches.push({ id, fileId });
  }

  /** Processes a message of the application. */
  hear(news) {
    if (news.type === 'kept') this.#keep(news);
    else if (news.type === 'deleting') this.#fates.set(news.fileId, 'deleting');
    else if (news.type === 'deleted') this.#fates.set(news.fileId, 'deleted');
    else if (news.type === 'orphan') this.orphans.push(news);
    else if (news.type === 'incident') this.#incidents.push(news.text);
    else if (news.type === 'log') {
      this.logLines += 1;
      this.#keepText(news.text);
    }
  }

  /**
   * The files that belong to the application by a response that was sent to its end, with their
   * later fate.
   */
  get kept() {
    return [...this.#kept.values()].map(file => ({
      ...file,
      fate: this.#fates.get(file.fileId) ?? 'kept',
    }));
  }

  /** Uncaught errors and the like, and deletions of files that the application never had. */
  get incidents() {
    const strays = [...this.#fates].filter(([fileId]) => !this.#kept.has(fileId));
    return [
      ...this.#incidents,
      ...strays.map(([fileId, fate]) => `${fileId} was ${fate} and never kept`),
    ];
  }

  /**
   * Takes over the records of a replica, by file ID: those of files that a client was promised are
   * kept. Returns the others, which may have been kept: the replica was killed, or a client left.
   */
  inherit(recorded) {
    const promised = new Set(this.promised.map(({ fileId }) => fileId));
    const unknown = [...recorded.values()].filter(({ fileId }) => !this.#kept.has(fileId));
    for (const file of unknown)
      if (promised.has(file.fileId)) this.#keep({ id: file.id, files: [file] });
    return unknown.map(({ fileId }) => fileId).filter(fileId => !promised.has(fileId));
  }

  /** The paths that several requests share, with those that were successful. */
  get shared() {
    return [...this.#shared.values()];
  }

  /** The texts that were logged or sent in responses. */
  get texts() {
    return [...this.#texts];
  }

  #keep({ id, files }) {
    for (const { name, fileId, contentType } of files) {
      const shared = this.#shared.get(pathOf(fileId));
      if (shared !== undefined) {
        shared.answered.push({ id, fileId, contentType });
        continue;
      }
      const sha256 = this.#hashes.get(name) ?? `nothing was sent under the name ${name}`;
      this.#kept.set(fileId, { id, fileId, contentType, sha256 });
    }
  }

  #keepText(text) {
    if (this.#texts.size < MOST_TEXTS) this.#texts.add(text);
  }
}
