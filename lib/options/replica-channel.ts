import { OptionsInvalidError } from '../errors/errors.js';

/**
 * A channel between the replicas of an application, for short texts: upload progress, and the file
 * IDs of files that were deleted or replaced. No text contains a link, a token or a key. The
 * package works with a channel that loses texts or fails: then a replica keeps a link until it
 * expires, or a watcher waits for the next text. The example is a channel within one process, as in
 * tests; for several ones see `redisReplicaChannel`.
 * @example
 * ```ts
 * import type { ReplicaChannel } from 'nestjs-wx-cloud-storage';
 *
 * export class MemoryChannel implements ReplicaChannel {
 *   readonly #listeners = new Map<string, Set<(message: string) => void>>();
 *
 *   async publish(topic: string, message: string): Promise<void> {
 *     for (const listener of this.#listeners.get(topic) ?? []) listener(message);
 *   }
 *
 *   async subscribe(
 *     topic: string,
 *     listener: (message: string) => void,
 *   ): Promise<() => Promise<void>> {
 *     const listeners = this.#listeners.get(topic) ?? new Set();
 *     this.#listeners.set(topic, listeners.add(listener));
 *     return async () => {
 *       listeners.delete(listener);
 *       if (listeners.size === 0) this.#listeners.delete(topic);
 *     };
 *   }
 * }
 * ```
 */
export interface ReplicaChannel {
  /**
   * Sends a message to the present subscribers of a topic in all replicas, the sender included.
   * Rejects when it cannot be sent, best at once: a message that waits for a connection is of
   * little use later.
   */
  publish(topic: string, message: string): Promise<void>;
  /**
   * Calls the listener for each message of a topic from now on, also after the connection was lost
   * and restored. Resolves, once the subscription is in effect, with a function that ends it.
   */
  subscribe(topic: string, listener: (message: string) => void): Promise<() => Promise<void>>;
  /**
   * Calls the listener whenever messages may have been lost and the subscriptions are in effect
   * again, as after a lost connection. Returns a function that removes the listener.
   */
  onReset?(listener: () => void): () => void;
}

/**
 * Reads the option `replicas`.
 * @throws {@link OptionsInvalidError} when it is not a channel
 */
export function readReplicaChannel(value: unknown): ReplicaChannel | undefined {
  if (value === undefined) return undefined;
  const { publish, subscribe, onReset } = (value ?? {}) as Partial<Record<string, unknown>>;
  const isChannel = typeof publish === 'function' && typeof subscribe === 'function';
  if (isChannel && (onReset === undefined || typeof onReset === 'function')) {
    return value as ReplicaChannel;
  }
  throw new OptionsInvalidError({
    option: 'replicas',
    expected: 'an object with the methods publish(topic, message) and subscribe(topic, listener)',
    remedy: 'Pass what redisReplicaChannel(publisher, subscriber) returns, or leave it out.',
  });
}
