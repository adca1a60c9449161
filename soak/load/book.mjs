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
  incidents = [];
  logLines = 0;
  longestMs = 0;
  #texts = new Set();
  #hashes = new Map();
  #kept = new Map();
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
    else if (news.type === 'deleting') this.#decide(news.fileId, 'deleting');
    else if (news.type === 'deleted') this.#decide(news.fileId, 'deleted');
    else if (news.type === 'orphan') this.orphans.push(news);
    else if (news.type === 'incident') this.incidents.push(news.text);
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
    return [...this.#kept.values()];
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
      this.#kept.set(fileId, { id, fileId, contentType, sha256, fate: 'kept' });
    }
  }

  #decide(fileId, fate) {
    const file = this.#kept.get(fileId);
    if (file === undefined) this.incidents.push(`${fileId} was ${fate} before it was kept`);
    else file.fate = fate;
  }

  #keepText(text) {
    if (this.#texts.size < MOST_TEXTS) this.#texts.add(text);
  }
}
