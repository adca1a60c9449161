import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { get } from 'node:http';
import { EFFECTS, operationOf } from './effects.mjs';
import { readSubject } from './subject.mjs';

/** How often tokens and links expire all at once, as a part of the share of faults. */
const EXPIRY_PART = 0.03;
const KEEP_ALIVE_MS = 3_000;

const count = (counts, name) => {
  counts[name] = (counts[name] ?? 0) + 1;
};

/**
 * Sees every exchange before the emulator does, decides by a seeded random source what befalls it, and remembers what
 * the checks need to know: which file IDs a fault concerned, what was secret, how often an upload was repeated.
 */
export class Exchanges {
  /** How many of them are to go wrong, from 0 to 1. */
  faultShare = 0;
  operations = {};
  injected = {};
  expiries = {};
  hitFileIds = new Set();
  /** When faults befell calls that concern every file, or of whose files nothing had arrived. */
  commonFaultsAtMs = [];
  secrets = new Set();
  #server;
  #emulator;
  #random;
  #linksByPath = new Map();

  constructor(emulator, random) {
    this.#emulator = emulator;
    this.#random = random;
    // Published before the server emits `request`, in the same tick: a fault that is added now befalls this request.
    subscribe('http.server.request.start', message => this.#begin(message));
  }

  /** How many upload links were asked for once more for the same path. */
  get repeats() {
    return [...this.#linksByPath.values()].reduce((sum, links) => sum + links - 1, 0);
  }

  /**
   * Has clients told to let go of idle connections after a second (their pool takes 2 seconds off), so that at the end
   * of the soak every connection that is open is one that is in use.
   */
  async shortenKeepAlive() {
    const [response] = await once(get(this.#emulator.url, { agent: false }), 'response');
    response.destroy();
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
  }

  #begin({ request, response, server }) {
    this.#server = server;
    const operation = operationOf(request);
    count(this.operations, operation);
    this.#expire();
    const effect = this.#befall(operation);
    const subject = readSubject(request, this.#emulator);
    response.once('close', () => this.#note(operation, subject, effect));
    this.#listenForSecrets(response);
  }

  #befall(operation) {
    if (!this.#random.chance(this.faultShare)) return undefined;
    const effect = this.#random.pick(EFFECTS[operation]);
    this.#emulator.faults.add({ operation, effect });
    count(this.injected, effect.kind);
    return effect;
  }

  #expire() {
    if (!this.#random.chance(this.faultShare * EXPIRY_PART)) return;
    const what = this.#random.pick(['expireTokens', 'expireLinks']);
    this.#emulator[what]();
    count(this.expiries, what);
    this.commonFaultsAtMs.push(Date.now());
  }

  #note(operation, { paths, fileIds, isKnown }, effect) {
    for (const path of paths) this.#linksByPath.set(path, (this.#linksByPath.get(path) ?? 0) + 1);
    if (effect === undefined) return;
    for (const fileId of fileIds) this.hitFileIds.add(fileId);
    if (!isKnown) this.commonFaultsAtMs.push(Date.now());
  }

  #listenForSecrets(response) {
    for (const method of ['write', 'end']) {
      const original = response[method];
      response[method] = (...parameters) => {
        if (Buffer.isBuffer(parameters[0])) this.#findSecrets(parameters[0]);
        return original.apply(response, parameters);
      };
    }
  }

  #findSecrets(piece) {
    if (piece.byteLength > 65_536 || piece[0] !== 0x7b) return;
    const text = piece.toString();
    const members = text.matchAll(
      /"(?:access_token|token|authorization|cos_file_id)":\s*"([^"]+)"/g,
    );
    const signatures = text.matchAll(/(?:[?&]sign|q-signature)=([\da-f]{16,})/g);
    for (const [, secret] of [...members, ...signatures]) this.secrets.add(secret);
  }
}
