import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { get } from 'node:http';
import { EFFECTS, operationOf } from './effects.mjs';
import { Rights } from './rights.mjs';
import { readSubject } from './subject.mjs';

/** The share of faults at which all tokens and links expire at once. */
const EXPIRY_PART = 0.03;
const KEEP_ALIVE_MS = 3_000;
/** The calls that delete files. */
const DELETIONS = ['delete-files', 'delete-object', 'delete-objects'];
/** The calls without which no file can be deleted. */
const COMMON = ['token', 'stable-token', 'cos-keys'];
/** Links expire without an effect on deletions. */
const NEEDED_FOR_DELETIONS = ['expireTokens', 'expireCosKeys'];

const count = (counts, name) => {
  counts[name] = (counts[name] ?? 0) + 1;
};

/**
 * Sees every exchange before the emulator, decides its fault by a seeded random source, and records
 * what the checks need: the file IDs that a fault concerned, the secrets, and the number of
 * repeated uploads.
 */
export class Exchanges {
  /** The share of exchanges with a fault, from 0 to 1. */
  faultShare = 0;
  operations = {};
  injected = {};
  expiries = {};
  hitFileIds = new Set();
  /** The file IDs of all deletions that have arrived. */
  askedFileIds = new Set();
  /**
   * The times of faults in calls without which no deletion is sent, or in deletions of whose files
   * nothing had arrived.
   */
  commonFaultsAtMs = [];
  /** The times at which tokens or keys expired, so that deletions that were sent failed. */
  expiriesAtMs = [];
  secrets = new Set();
  #server;
  #emulator;
  #random;
  #rights;
  #linksByPath = new Map();

  constructor(emulator, random) {
    this.#emulator = emulator;
    this.#random = random;
    this.#rights = new Rights(random.fork());
    // Published before the server emits `request`, in the same tick: a fault that is added now
    // applies to this request.
    subscribe('http.server.request.start', message => this.#begin(message));
  }

  /** The number of rights that were taken away, and given back. */
  get changes() {
    return this.#rights.changes;
  }

  /** Ends all faults. */
  calm() {
    this.faultShare = 0;
    this.#rights.restore();
  }

  /** The number of upload links that were requested again for the same path. */
  get repeats() {
    return [...this.#linksByPath.values()].reduce((sum, links) => sum + links - 1, 0);
  }

  /**
   * Makes clients close idle connections after a second (their pool subtracts 2 seconds), so that
   * all open connections at the end of the soak are in use.
   */
  async shortenKeepAlive() {
    const { url, sidecarUrl } = this.#emulator;
    for (const each of [url, sidecarUrl]) {
      const [response] = await once(get(each, { agent: false }), 'response');
      response.destroy();
      this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
    }
  }

  #begin({ request, response, server }) {
    this.#server = server;
    const operation = operationOf(request);
    count(this.operations, operation);
    this.#expire();
    const effect = this.#befall(operation, request);
    const subject = readSubject(request, this.#emulator);
    response.once('close', () => this.#note(operation, subject, effect));
    this.#listenForSecrets(response);
    this.#readSecrets(request);
  }

  #befall(operation, request) {
    if (this.faultShare === 0) return undefined;
    this.#rights.change();
    const isBroken = this.#random.chance(this.faultShare);
    const effect = isBroken
      ? this.#random.pick(EFFECTS[operation])
      : this.#rights.refusalOf(operation, request);
    if (effect === undefined) return undefined;
    this.#emulator.faults.add({ operation, effect });
    count(this.injected, effect.kind);
    return effect;
  }

  #expire() {
    if (!this.#random.chance(this.faultShare * EXPIRY_PART)) return;
    const what = this.#random.pick(['expireTokens', 'expireLinks', 'expireCosKeys']);
    this.#emulator[what]();
    count(this.expiries, what);
    if (NEEDED_FOR_DELETIONS.includes(what)) this.expiriesAtMs.push(Date.now());
  }

  #note(operation, { paths, fileIds, isKnown }, effect) {
    for (const path of paths) this.#linksByPath.set(path, (this.#linksByPath.get(path) ?? 0) + 1);
    const isDeletion = DELETIONS.includes(operation);
    if (isDeletion) for (const fileId of fileIds) this.askedFileIds.add(fileId);
    if (effect === undefined) return;
    if (isDeletion) for (const fileId of fileIds) this.hitFileIds.add(fileId);
    const concernsAll = COMMON.includes(operation) || (isDeletion && !isKnown);
    if (concernsAll) this.commonFaultsAtMs.push(Date.now());
  }

  /** Finds the signature of a request to the bucket. */
  #readSecrets({ headers: { authorization = '' } }) {
    const [, signature] = /q-signature=([\da-f]+)/.exec(authorization) ?? [];
    if (signature !== undefined) this.secrets.add(signature);
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

  #findSecrets(chunk) {
    if (chunk.byteLength > 65_536 || chunk[0] !== 0x7b) return;
    const text = chunk.toString();
    const members = text.matchAll(
      /"(?:access_token|token|authorization|cos_file_id|TmpSecretKey)":\s*"([^"]+)"/gi,
    );
    const signatures = text.matchAll(/(?:[?&]sign|q-signature)=([\da-f]{16,})/g);
    const metaIds = text.matchAll(/(?<="x_cos_meta_field_strs":\s*\[[^\]]*)"([^"]+)"/g);
    for (const [, secret] of [...members, ...signatures, ...metaIds]) this.secrets.add(secret);
  }
}
