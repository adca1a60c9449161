import { RareWarnings, type StorageLogger } from '../diagnostics.js';
import { toSafeCause } from '../errors/redaction.js';
import type { ReplicaChannel } from '../options/replica-channel.js';

/** The most messages that wait for the channel; further ones are dropped. */
const MOST_WAITING = 1_000;
/** A message that was sent so long ago no longer counts as waiting. */
const LONGEST_WAIT_MS = 30_000;
/** The first pause before a failed subscription is repeated; each further one is twice as long. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** Returns the pause before an attempt after a number of failed ones, in milliseconds. */
export function pauseAfter(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 10), LONGEST_PAUSE_MS);
}

/** Calls back after a time, without keeping the process alive. */
export function later(callback: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(callback, ms).unref();
}

/**
 * The channel of the application, with what it may lack: no method throws or rejects, a failed
 * subscription is repeated, the messages that wait are bounded, and failures are logged once a
 * minute for all instances that have it.
 */
export class ReplicaConnection {
  readonly #channel: ReplicaChannel;
  readonly #warnings: RareWarnings;
  readonly #waiting = new Set<{ readonly sentAtMs: number }>();
  readonly #subscriptions = new Set<KeptSubscription>();
  #stopListening: (() => void) | undefined;
  #isClosed = false;

  /** Sends nothing yet. `onReset` is called when messages may have been lost. */
  constructor(channel: ReplicaChannel, logger: Pick<StorageLogger, 'warn'>, onReset: () => void) {
    this.#channel = channel;
    this.#warnings = new RareWarnings(logger, () => performance.now(), channel);
    try {
      this.#stopListening = channel.onReset?.(() => {
        if (!this.#isClosed) onReset();
      });
    } catch (error) {
      this.#warn('cannot report lost connections', error);
    }
  }

  /** Sends a message; resolves with false when it was not sent. */
  async publish(topic: string, message: string): Promise<boolean> {
    if (this.#isClosed) return false;
    const sent = { sentAtMs: performance.now() };
    if (!this.#mayWait(sent.sentAtMs)) {
      this.#warn('does not take messages', `${MOST_WAITING} of them wait`);
      return false;
    }
    this.#waiting.add(sent);
    try {
      await this.#channel.publish(topic, message);
      return true;
    } catch (error) {
      this.#warn('does not take messages', error);
      return false;
    } finally {
      this.#waiting.delete(sent);
    }
  }

  /**
   * Subscribes to a topic until the returned function is called. `onReady` is called whenever the
   * subscription has come into effect.
   */
  subscribe(
    topic: string,
    listener: (message: unknown) => void,
    onReady: () => void,
  ): () => Promise<void> {
    const subscription = new KeptSubscription({
      begin: async () => this.#channel.subscribe(topic, listener),
      onReady,
      onFailure: error => this.#warn('cannot be subscribed to', error),
    });
    this.#subscriptions.add(subscription);
    subscription.start();
    return () => {
      this.#subscriptions.delete(subscription);
      return subscription.stop();
    };
  }

  /** Ends all subscriptions, and sends nothing any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const subscriptions = [...this.#subscriptions];
    this.#subscriptions.clear();
    try {
      this.#stopListening?.();
    } catch {
      // The channel is of no use any more.
    }
    await Promise.all(subscriptions.map(each => each.stop()));
  }

  #mayWait(nowMs: number): boolean {
    if (this.#waiting.size < MOST_WAITING) return true;
    for (const sent of this.#waiting) {
      if (nowMs - sent.sentAtMs < LONGEST_WAIT_MS) break;
      this.#waiting.delete(sent);
    }
    return this.#waiting.size < MOST_WAITING;
  }

  #warn(problem: string, error: unknown): void {
    if (this.#isClosed) return;
    const reason = toSafeCause(error).message;
    this.#warnings.warn(
      'channel',
      `The channel between replicas ${problem}: ${reason}. Meanwhile other replicas may not see the progress of uploads, and may return links of deleted files. Check the option replicas and its server.`,
    );
  }
}

/** The parts of a subscription. */
interface SubscriptionParts {
  /** Subscribes; resolves with the function that ends the subscription. */
  readonly begin: () => Promise<unknown>;
  /** Called when the subscription has come into effect. */
  readonly onReady: () => void;
  /** Called for each attempt that failed. */
  readonly onFailure: (error: unknown) => void;
}

/** A subscription that is repeated until it is in effect. */
class KeptSubscription {
  readonly #parts: SubscriptionParts;
  #end: (() => unknown) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isStopped = false;

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.#attempt();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#unsubscribe();
  }

  async #attempt(): Promise<void> {
    try {
      const end = await this.#parts.begin();
      this.#end = typeof end === 'function' ? (end as () => unknown) : undefined;
    } catch (error) {
      this.#repeat(error);
      return;
    }
    this.#failures = 0;
    // It may have been stopped while it was pending.
    if (this.#isStopped) await this.#unsubscribe();
    else this.#parts.onReady();
  }

  #repeat(error: unknown): void {
    if (this.#isStopped) return;
    this.#failures += 1;
    this.#parts.onFailure(error);
    this.#timer = later(() => this.start(), pauseAfter(this.#failures));
  }

  async #unsubscribe(): Promise<void> {
    const end = this.#end;
    this.#end = undefined;
    try {
      await end?.();
    } catch {
      // Its client has closed, or the connection is lost, which ends the subscription as well.
    }
  }
}
