import { later, pauseAfter } from './replica-connection.js';
import { MOST_FILE_IDS, MOST_ID_CHARACTERS } from './replica-messages.js';

/** The most file IDs that are kept while the channel fails; beyond, all links are dropped. */
const MOST_KEPT = 10_000;
/** The time to wait for the channel before the next message is sent. */
const LONGEST_WAIT_MS = 5_000;

/**
 * Tells other replicas of files that were deleted or replaced. One message is on its way at a time;
 * the files that come meanwhile share the next one. What the channel does not take is sent again.
 */
export class ChangedFiles {
  readonly #send: (changed: readonly string[] | 'all') => Promise<boolean>;
  readonly #kept = new Set<string>();
  #isOverfull = false;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #isClosed = false;

  /** `send` resolves with false when the message was not sent. */
  constructor(send: (changed: readonly string[] | 'all') => Promise<boolean>) {
    this.#send = send;
  }

  /** Sends file IDs, at once unless a message is on its way. */
  add(fileIds: readonly string[]): void {
    this.#keep(fileIds);
    this.#flush();
  }

  /** Sends what is left, once, and waits for it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flush();
    while (this.#sending !== undefined) await this.#sending;
  }

  #keep(fileIds: readonly string[]): void {
    for (const fileId of fileIds) this.#kept.add(fileId);
    if (this.#kept.size <= MOST_KEPT) return;
    this.#isOverfull = true;
    this.#kept.clear();
  }

  #flush(): void {
    const isIdle = this.#sending === undefined && this.#timer === undefined;
    if (!isIdle || (this.#kept.size === 0 && !this.#isOverfull)) return;
    this.#sending = this.#sendNext().finally(() => {
      this.#sending = undefined;
      this.#flush();
    });
  }

  async #sendNext(): Promise<void> {
    const changed = this.#take();
    if (await withinLimit(this.#send(changed))) {
      this.#failures = 0;
      return;
    }
    if (this.#isClosed) {
      this.#kept.clear();
      this.#isOverfull = false;
      return;
    }
    if (changed === 'all') this.#isOverfull = true;
    else this.#keep(changed);
    this.#failures += 1;
    this.#timer = later(() => {
      this.#timer = undefined;
      this.#flush();
    }, pauseAfter(this.#failures));
  }

  #take(): readonly string[] | 'all' {
    if (this.#isOverfull) {
      this.#isOverfull = false;
      this.#kept.clear();
      return 'all';
    }
    const taken: string[] = [];
    let characters = 0;
    for (const fileId of this.#kept) {
      characters += fileId.length;
      const isFull = taken.length === MOST_FILE_IDS || characters > MOST_ID_CHARACTERS;
      if (isFull && taken.length > 0) break;
      taken.push(fileId);
      this.#kept.delete(fileId);
    }
    return taken;
  }
}

/** Resolves with false when the channel does not respond in time. */
async function withinLimit(sending: Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>(resolve => {
    timer = later(() => resolve(false), LONGEST_WAIT_MS);
  });
  try {
    return await Promise.race([sending, limit]);
  } finally {
    clearTimeout(timer);
  }
}
