import { setTimeout as delay } from 'node:timers/promises';
import { defer } from '../support/deferred.mjs';
import { TIMEOUTS } from '../support/limits.mjs';
import { FROZEN } from './slow-clients.mjs';

/**
 * So many forms are half received whenever the application freezes, besides those of all clients.
 */
const FORMS = 4;
/** Longer than the application waits for a client. */
const FREEZE_MS = TIMEOUTS.idleMs + 500;
const BETWEEN_MS = [2_000, 5_000];
const LOOK_MS = 20;
/** Less than any of the forms has. */
const BEGINNING_BYTES = 150;

/**
 * Freezes the application, as a platform does with a container that it has no request for, and has
 * clients send on: what they have sent waits in the kernel, so none of them has stalled.
 */
export class Freezer {
  /** How often the application was frozen, and for how many forms that were half received. */
  freezes = 0;
  frozenForms = 0;
  #application;
  #client;

  constructor(application, client) {
    this.#application = application;
    this.#client = client;
  }

  /** Freezes again and again until the time is over, and once at least. */
  async run(isOver) {
    do {
      await this.#freeze();
      await delay(this.#client.random.integer(...BETWEEN_MS));
    } while (!isOver());
  }

  /** Lets go of its connections. */
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
      // What a frozen application makes room for by reading waits until it goes on.
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

  /** The application has begun with each of them, or has ended it by now. */
  async #untilHalfReceived(forms) {
    for (;;) {
      const active = new Set(await this.#application.ask('activeIds'));
      if (forms.every(({ id, isOver }) => isOver || active.has(id))) return;
      await delay(LOOK_MS);
    }
  }
}
