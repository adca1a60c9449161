import type { ReplicaChannel } from '../../lib/index.js';

type Listener = (message: string) => void;

/** A channel between the replicas of one test, whose messages are recorded. */
export class MemoryChannel implements ReplicaChannel {
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #resetListeners = new Set<() => void>();
  /** All messages that were sent. */
  readonly sent: { readonly topic: string; readonly message: string }[] = [];
  /** True while messages are lost without notice. */
  isLossy = false;
  /** The error of all calls; undefined for none. */
  failure: Error | undefined;

  /** Topics with listeners. */
  get topics(): readonly string[] {
    return [...this.#listeners.keys()];
  }

  async publish(topic: string, message: string): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.sent.push({ topic, message });
    if (!this.isLossy) this.deliver(topic, message);
  }

  async subscribe(topic: string, listener: Listener): Promise<() => Promise<void>> {
    if (this.failure !== undefined) throw this.failure;
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener));
    return async () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(topic);
    };
  }

  onReset(listener: () => void): () => void {
    this.#resetListeners.add(listener);
    return () => void this.#resetListeners.delete(listener);
  }

  /** Delivers a message as if a replica had sent it. */
  deliver(topic: string, message: unknown): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener(message as string);
  }

  /** Reports that messages may have been lost. */
  reset(): void {
    for (const listener of this.#resetListeners) listener();
  }

  /** Forgets the messages that were sent. */
  forget(): void {
    this.sent.length = 0;
  }

  /** Number of listeners of resets. */
  get resetListeners(): number {
    return this.#resetListeners.size;
  }
}
