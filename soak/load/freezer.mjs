import { setTimeout as delay } from 'node:timers/promises';
import { defer } from '../support/deferred.mjs';
import { TIMEOUTS } from '../support/limits.mjs';
import { FROZEN } from './slow-clients.mjs';

/** The number of half-received forms at each freeze, in addition to those of all clients. */
const FORMS = 4;
/** The duration of a freeze, longer than the idle timeout of the application. */
const FREEZE_MS = TIMEOUTS.idleMs + 500;
const BETWEEN_MS = [2_000, 5_000];
const LOOK_MS = 20;
/** The length of the first part of a form; all forms are longer. */
const BEGINNING_BYTES = 150;

/**
 * Freezes the application, as a platform does with an idle container, while clients keep sending.
 * The sent bytes wait in the kernel, so no client has stalled.
 */
export class Freezer {
  /** The number of freezes, and of forms that were half received. */
  freezes = 0;
  frozenForms = 0;
  #application;
  #client;

  constructor(application, client) {
    this.#application = application;
    this.#client = client;
  }

  /** Freezes repeatedly until the end of the soak, at least once. */
  async run(isOver) {
    do {
      await this.#freeze();
      await delay(this.#client.random.integer(...BETWEEN_MS));
    } while (!isOver());
  }

  /** Closes its connections. */
  disconnect() {
    this.#client.disconnect();
  }

  async #freeze() {
    const forms = Array.from({ length: FORMS }, () => this.#begin());
    try {
      await this.#untilHalfReceived(forms);
      this.#application.signal('SIGSTOP');
      this.freezes += 1;
      this.frozenForms += forms.filter(({ isOver }) => !isOver).length;
      for (const { release } of forms) release();
      const areSent = Promise.all(forms.map(({ sent, end }) => Promise.race([sent, end])));
      // Bytes that exceed the buffers of the kernel wait until the application continues.
      await Promise.race([areSent, delay(FREEZE_MS)]);
      await delay(FREEZE_MS);
    } finally {
      this.#application.signal('SIGCONT');
      for (const { release } of forms) release();
    }
    await Promise.all(forms.map(({ end }) => end));
  }

  #begin() {
    const until = defer();
    const sent = defer();
    const hold = { afterBytes: BEGINNING_BYTES, until: until.promise, onSent: sent.resolve };
    const form = this.#client.begin(FROZEN, { hold });
    return Object.assign(form, { release: until.resolve, sent: sent.promise });
  }

  /** Waits until the application has started, or already ended, each request. */
  async #untilHalfReceived(forms) {
    for (;;) {
      const active = new Set(await this.#application.ask('activeIds'));
      if (forms.every(({ id, isOver }) => isOver || active.has(id))) return;
      await delay(LOOK_MS);
    }
  }
}
