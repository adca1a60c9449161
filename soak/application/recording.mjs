import { setTimeout as delay } from 'node:timers/promises';

/** Time after which a call counts as failed; the package gives it up after twice as long. */
const LONGEST_CALL_MS = 500;
/** Time in which a ledger tells a store that is back what it has missed. */
const CATCHING_UP_MS = 500;
/** Time after which a ledger without calls has nothing to tell; it tries again every 30 seconds. */
const SILENT_MS = 31_000;
const LONGEST_WAIT_MS = 60_000;
const POLL_MS = 20;

/** A store of pending files that knows if what its process has uploaded is recorded in it. */
class WatchedStore {
  #store;
  #startedAtMs = new Map();
  #isWorking = true;
  #worksSinceMs = -Infinity;
  #calledAtMs = -Infinity;

  constructor(store) {
    this.#store = store;
  }

  /** True when it has worked for long enough that nothing waits for it. */
  get isCaughtUp() {
    const nowMs = performance.now();
    const isSlow = [...this.#startedAtMs.values()].some(at => nowMs - at > LONGEST_CALL_MS);
    const hasSettled = this.#isWorking && nowMs - this.#worksSinceMs > CATCHING_UP_MS;
    return !isSlow && (hasSettled || nowMs - this.#calledAtMs > SILENT_MS);
  }

  add(files) {
    return this.#watch(() => this.#store.add(files));
  }

  settle(fileIds) {
    return this.#watch(() => this.#store.settle(fileIds));
  }

  claim(claim) {
    return this.#store.claim(claim);
  }

  done(fileIds, owner) {
    return this.#store.done(fileIds, owner);
  }

  async #watch(call) {
    const id = Symbol('call');
    const startedAtMs = performance.now();
    this.#startedAtMs.set(id, startedAtMs);
    this.#calledAtMs = startedAtMs;
    let hasWorked = false;
    try {
      const answer = await call();
      hasWorked = performance.now() - startedAtMs <= LONGEST_CALL_MS;
      return answer;
    } finally {
      this.#startedAtMs.delete(id);
      if (hasWorked && !this.#isWorking) this.#worksSinceMs = performance.now();
      this.#isWorking = hasWorked;
    }
  }
}

const stores = [];

/** Watches a store; one for each instance, as each has a ledger of its own. */
export function watchStore(store) {
  const watched = new WatchedStore(store);
  stores.push(watched);
  return watched;
}

/**
 * Waits until all uploads of this process are recorded, but for those that wait for that before
 * they send a byte. While Redis is away, uploads go on without a record, and what a process leaves
 * that is killed then is not found, as the documents say. False if that takes too long.
 */
export async function isRecorded() {
  const endMs = performance.now() + LONGEST_WAIT_MS;
  while (!stores.every(({ isCaughtUp }) => isCaughtUp)) {
    if (performance.now() > endMs) return false;
    await delay(POLL_MS);
  }
  return true;
}
