import { OptionsInvalidError } from '../errors/errors.js';
import { toSafeCause } from '../errors/redaction.js';
import type { ReplicaChannel } from '../options/replica-channel.js';
import { afterMs } from '../pending/after-ms.js';

/** The required part of a client that publishes; of `redis` (5.11 or 6) or `ioredis` (5 or 6). */
export interface RedisPublisher {
  /** Sends a message to the subscribers of a channel. */
  publish(channel: string, message: string): Promise<unknown>;
}

/**
 * The required part of a client that subscribes; of `redis` (5.11 or 6; client, cluster or
 * sentinel) or `ioredis` (5 or 6; `Redis` or `Cluster`).
 */
export interface RedisSubscriber {
  /** Subscribes to a channel; only its presence is checked. */
  subscribe(channel: string, ...listener: never[]): Promise<unknown>;
  /** Ends a subscription; only its presence is checked. */
  unsubscribe(channel: string, ...listener: never[]): Promise<unknown>;
  /** Adds a listener of events. */
  on(event: string, ...listener: never[]): unknown;
  /** Removes a listener of events. */
  off(event: string, ...listener: never[]): unknown;
}

type Listener = (message: string) => void;

/** The used members of both clients. */
interface AnyClient extends RedisPublisher {
  /** With node-redis, the listener receives the messages of the channel. */
  subscribe(channel: string, listener?: Listener): Promise<unknown>;
  unsubscribe(channel: string, listener?: Listener): Promise<unknown>;
  on(event: string, listener: (topic: string, message: string) => void): unknown;
  off(event: string, listener: (topic: string, message: string) => void): unknown;
  listenerCount?(event: string): number;
  /** ioredis: the state of the connection. */
  readonly status?: unknown;
  /** ioredis: `normal`, `subscriber` or `monitor`. */
  readonly mode?: unknown;
  /** node-redis: true when it was told to connect. */
  readonly isOpen?: unknown;
  /** node-redis: true while commands are sent at once. */
  readonly isReady?: unknown;
  /** node-redis: true while there are subscriptions; clusters and sentinels lack it. */
  readonly isPubSubActive?: unknown;
}

const NAME = 'redisReplicaChannel';
const DUPLICATE = 'Pass a connected client.duplicate() of its own for the subscriptions.';

/**
 * Events after which messages may have been lost: of clients, of clusters (whose subscriptions may
 * have moved to another node), and of sentinels.
 */
const RESET_EVENTS = ['ready', 'node-ready', '+node', '-node', 'topology-change'] as const;

/** Of clusters: a connection was lost. node-redis 5 does not tell when it works again. */
const LOSS_EVENT = 'node-reconnecting';

const PROBE_TOPIC = 'wx-cloud-storage:probe';

/**
 * The time for all connections of a cluster to notice a loss. A command that node-redis 5 writes to
 * a connection that has just been lost gets the response of another one, and all later commands of
 * this connection do so as well.
 */
const PROBE_PAUSE_MS = 100;

/** States of an ioredis client in which a message would wait for a connection. */
const LOST = new Set<unknown>(['reconnecting', 'close', 'end']);

/**
 * Creates a channel between replicas through the application's own Redis clients: `redis`
 * (node-redis 5.11 or 6; client, cluster or sentinel; the publisher may be a pool) or `ioredis` (5
 * or 6; `Redis` or `Cluster`). It needs two clients, as a connection with subscriptions takes no
 * other commands. They stay the application's: the channel neither connects nor closes them. It
 * uses `PUBLISH`, `SUBSCRIBE` and `UNSUBSCRIBE` on channels named `wx-cloud-storage:<env>:…`, and
 * keeps nothing in the database. Subscriptions are restored after a lost connection.
 * @param publisher - sends the messages; may be used for other commands as well
 * @param subscriber - only for subscriptions, e.g. `publisher.duplicate()`; connect it before the
 *   application starts
 * @throws {@link OptionsInvalidError} `WX_CLOUD_OPTIONS_INVALID` when one is not a client or cannot
 * be used for that, and when both are the same
 * @see https://redis.io/docs/latest/develop/pubsub/
 * @example
 * ```ts
 * import { Module } from '@nestjs/common';
 * import { WxCloudStorageModule } from 'nestjs-wx-cloud-storage';
 * import { redisReplicaChannel } from 'nestjs-wx-cloud-storage/redis';
 * import { createClient } from 'redis';
 *
 * @Module({
 *   imports: [
 *     WxCloudStorageModule.forRootAsync({
 *       useFactory: async () => {
 *         const publisher = await createClient({ url: process.env['REDIS_URL'] ?? '' }).connect();
 *         const subscriber = await publisher.duplicate().connect();
 *         const replicas = redisReplicaChannel(publisher, subscriber);
 *         return { env: 'prod-8gtest1', auth: { type: 'open-api-service' as const }, replicas };
 *       },
 *     }),
 *   ],
 * })
 * export class AppModule {}
 * ```
 */
export function redisReplicaChannel(
  publisher: RedisPublisher,
  subscriber: RedisSubscriber,
): ReplicaChannel {
  const sending = readPublisher(publisher);
  const receiving = readSubscriber(subscriber);
  if (sending === receiving) {
    throw new OptionsInvalidError({
      option: `${NAME}.subscriber`,
      expected: 'another client than the publisher, as subscriptions block other commands',
      remedy: DUPLICATE,
    });
  }
  const subscriptions = isIoRedis(receiving)
    ? ioSubscriptionsOf(receiving)
    : new NodeSubscriptions(receiving);
  return new RedisReplicaChannel(sending, subscriptions);
}

function readPublisher(client: unknown): AnyClient {
  if (!isClient(client) || !hasMethods(client, 'publish')) throw notAClient('publisher');
  const isBusy = client.mode === 'subscriber' || client.isPubSubActive === true;
  if (!isBusy && client.mode !== 'monitor') return client;
  throw new OptionsInvalidError({
    option: `${NAME}.publisher`,
    expected: 'a client without subscriptions and not in monitor mode, as it sends commands',
    remedy: 'Pass the client of the other commands, or a connected client.duplicate().',
  });
}

function readSubscriber(client: unknown): AnyClient {
  const methods = ['subscribe', 'unsubscribe', 'on', 'off'] as const;
  if (!isClient(client) || !hasMethods(client, ...methods)) throw notAClient('subscriber');
  if (client.mode !== 'monitor') return client;
  throw new OptionsInvalidError({
    option: `${NAME}.subscriber`,
    expected: 'a client that is not in monitor mode',
    remedy: DUPLICATE,
  });
}

function notAClient(role: 'publisher' | 'subscriber'): OptionsInvalidError {
  const isPool = role === 'subscriber' ? '; a pool has no subscriptions' : '';
  return new OptionsInvalidError({
    option: `${NAME}.${role}`,
    expected: `a client of ioredis or of redis (node-redis 5 or later)${isPool}`,
    remedy:
      'Pass what new Redis() or createClient() returned: no options, no legacy(), no multi().',
  });
}

/** True for either client; the client of node-redis 3 and `legacy()` have no `isOpen`. */
function isClient(value: unknown): value is AnyClient {
  if (typeof value !== 'object' || value === null) return false;
  const { status, isOpen } = value as AnyClient;
  return typeof status === 'string' || typeof isOpen === 'boolean';
}

function isIoRedis({ status }: AnyClient): boolean {
  return typeof status === 'string';
}

function hasMethods(client: AnyClient, ...names: readonly (keyof AnyClient)[]): boolean {
  return names.every(name => typeof client[name] === 'function');
}

/** The channel. Private fields keep the clients out of inspection and serialisation. */
class RedisReplicaChannel implements ReplicaChannel {
  readonly #publisher: AnyClient;
  readonly #subscriptions: Subscriptions;

  constructor(publisher: AnyClient, subscriptions: Subscriptions) {
    this.#publisher = publisher;
    this.#subscriptions = subscriptions;
  }

  async publish(topic: string, message: string): Promise<void> {
    const { status, isReady } = this.#publisher;
    // The clients would keep messages without limit until they are connected.
    if (isReady === false || LOST.has(status)) throw new Error('Redis is not connected');
    await safely(this.#publisher.publish(topic, message));
  }

  async subscribe(topic: string, listener: Listener): Promise<() => Promise<void>> {
    const { add, remove } = this.#subscriptions;
    const own: Listener = message => listener(message);
    await safely(add(topic, own));
    return async () => safely(remove(topic, own));
  }

  onReset(listener: () => void): () => void {
    return this.#subscriptions.onReset(listener);
  }
}

/** Removes what errors of clients carry besides their texts. */
async function safely(sending: Promise<unknown>): Promise<void> {
  try {
    await sending;
  } catch (error) {
    throw toSafeCause(error);
  }
}

/** The subscriptions of a client. */
interface Subscriptions {
  readonly add: (topic: string, listener: Listener) => Promise<unknown>;
  readonly remove: (topic: string, listener: Listener) => Promise<unknown>;
  readonly onReset: (listener: () => void) => () => void;
}

/** Of node-redis, which knows the listeners of a channel and restores its subscriptions itself. */
class NodeSubscriptions implements Subscriptions {
  readonly #client: AnyClient;
  readonly #resetListeners = new Set<() => void>();
  readonly #hidesConnections: boolean;
  #isProbing = false;
  #losses = 0;

  constructor(client: AnyClient) {
    this.#client = client;
    // Without a listener of the application, an error has to end the process as before.
    const isPlain = typeof client.isPubSubActive === 'boolean';
    this.#hidesConnections = !isPlain && Number(client.listenerCount?.('error')) > 0;
  }

  readonly add = (topic: string, listener: Listener): Promise<unknown> =>
    this.#client.subscribe(topic, listener);

  readonly remove = (topic: string, listener: Listener): Promise<unknown> =>
    this.#client.unsubscribe(topic, listener);

  readonly onReset = (listener: () => void): (() => void) => {
    const own = (): void => listener();
    if (this.#resetListeners.size === 0) this.#listen('on');
    this.#resetListeners.add(own);
    return () => {
      if (this.#resetListeners.delete(own) && this.#resetListeners.size === 0) this.#listen('off');
    };
  };

  #listen(method: 'on' | 'off'): void {
    for (const event of RESET_EVENTS) this.#client[method](event, this.#onConnection);
    this.#client[method](LOSS_EVENT, this.#onLoss);
    if (this.#hidesConnections) this.#client[method]('error', this.#onLoss);
  }

  /** A client is ready only after its subscriptions are restored. */
  readonly #onConnection = (): void => {
    for (const listener of this.#resetListeners) listener();
  };

  /**
   * Finds out when the connection works again, which sentinels and some clusters do not tell.
   * Another loss meanwhile may have taken the probe, so it is followed by another one.
   */
  readonly #onLoss = async (): Promise<void> => {
    this.#losses += 1;
    if (this.#isProbing) return;
    this.#isProbing = true;
    let [probed, isBack] = [0, false];
    while (probed !== this.#losses) {
      await new Promise<void>(resolve => afterMs(PROBE_PAUSE_MS, resolve));
      probed = this.#losses;
      isBack = await this.#probe();
    }
    this.#isProbing = false;
    if (isBack) this.#onConnection();
  };

  /**
   * Subscribes to a topic of its own: the response comes once the connection works. Resolves with
   * false when it was lost again, which the next event tells, or closed.
   */
  async #probe(): Promise<boolean> {
    try {
      await this.#client.subscribe(PROBE_TOPIC, ignore);
      await this.#client.unsubscribe(PROBE_TOPIC, ignore);
      return true;
    } catch {
      return false;
    }
  }
}

const ignore = (): void => {};

/** One for each client: ioredis does not know which listeners need a subscription. */
const knownSubscriptions = new WeakMap<AnyClient, IoSubscriptions>();

function ioSubscriptionsOf(client: AnyClient): IoSubscriptions {
  const known = knownSubscriptions.get(client);
  if (known !== undefined) return known;
  const subscriptions = new IoSubscriptions(client);
  knownSubscriptions.set(client, subscriptions);
  return subscriptions;
}

/** Of ioredis, which has one event for the messages of all channels. */
class IoSubscriptions implements Subscriptions {
  readonly #client: AnyClient;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #resetListeners = new Set<() => void>();
  #isListening = false;

  constructor(client: AnyClient) {
    this.#client = client;
  }

  readonly add = async (topic: string, listener: Listener): Promise<void> => {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener));
    this.#listenIfNeeded();
    try {
      // Again for a known one: its response tells when the subscription is in effect.
      await this.#client.subscribe(topic);
    } catch (error) {
      this.#forget(topic, listener);
      throw error;
    }
  };

  readonly remove = async (topic: string, listener: Listener): Promise<void> => {
    this.#forget(topic, listener);
    if (!this.#listeners.has(topic)) await this.#client.unsubscribe(topic);
  };

  readonly onReset = (listener: () => void): (() => void) => {
    const own = (): void => listener();
    this.#resetListeners.add(own);
    this.#listenIfNeeded();
    return () => {
      this.#resetListeners.delete(own);
      this.#listenIfNeeded();
    };
  };

  #forget(topic: string, listener: Listener): void {
    const listeners = this.#listeners.get(topic);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#listeners.delete(topic);
    this.#listenIfNeeded();
  }

  #listenIfNeeded(): void {
    const isNeeded = this.#listeners.size + this.#resetListeners.size > 0;
    if (isNeeded === this.#isListening) return;
    this.#isListening = isNeeded;
    if (isNeeded) {
      this.#client.on('message', this.#onMessage);
      for (const event of RESET_EVENTS) this.#client.on(event, this.#onConnection);
    } else {
      this.#client.off('message', this.#onMessage);
      for (const event of RESET_EVENTS) this.#client.off(event, this.#onConnection);
    }
  }

  readonly #onMessage = (topic: string, message: string): void => {
    for (const listener of this.#listeners.get(topic) ?? []) listener(message);
  };

  /**
   * Subscribes again: a client may be set up not to, and the response tells when it is in effect.
   */
  readonly #onConnection = async (): Promise<void> => {
    const topics = [...this.#listeners.keys()];
    if (topics.length === 0) return;
    try {
      await Promise.all(topics.map(topic => this.#client.subscribe(topic)));
    } catch {
      // The connection is lost again; its next one begins anew.
      return;
    }
    for (const listener of this.#resetListeners) listener();
  };
}
