import { keysOf, WITH_RIGHTS } from '../support/ways.mjs';

/** The operations that keys may lack the right to. */
const OPERATIONS = [
  'put-object',
  'initiate-multipart-upload',
  'upload-part',
  'complete-multipart-upload',
  'abort-multipart-upload',
  'list-multipart-uploads',
  'delete-object',
  'delete-objects',
  'head-object',
  'get-object',
  'list-objects',
  'copy-object',
];
/** The share of requests at which one right is taken away or given back. */
const CHANGE_PART = 0.01;
const DENIAL = { kind: 'cos-error', cosCode: 'AccessDenied', status: 403 };

/** The rights of the keys that are not those of the container, which come and go by chance. */
export class Rights {
  /** The number of rights that were taken away, and given back. */
  changes = { taken: 0, given: 0 };
  #random;
  #missing = new Map(WITH_RIGHTS.map(name => [keysOf(name).secretId, new Set()]));

  constructor(random) {
    this.#random = random;
  }

  /** Takes one right away or gives it back, sometimes. */
  change() {
    if (!this.#random.chance(CHANGE_PART)) return;
    const missing = this.#random.pick([...this.#missing.values()]);
    const operation = this.#random.pick(OPERATIONS);
    if (missing.delete(operation)) {
      this.changes.given += 1;
      return;
    }
    missing.add(operation);
    this.changes.taken += 1;
  }

  /** Gives all rights back. */
  restore() {
    for (const missing of this.#missing.values()) missing.clear();
  }

  /** Returns the refusal of an operation that the keys of a request have no right to. */
  refusalOf(operation, { headers: { authorization = '' } }) {
    const [, secretId] = /q-ak=([^&]+)/.exec(authorization) ?? [];
    return this.#missing.get(secretId)?.has(operation) === true ? DENIAL : undefined;
  }
}
