import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-5';
import { createClient, createClientPool } from 'redis';
import { createClient as createClient5 } from 'redis-5';
import type { ReplicaChannel } from '../../../lib/options/replica-channel.js';
import {
  redisReplicaChannel,
  type RedisPublisher,
  type RedisSubscriber,
} from '../../../lib/redis/index.js';
import { afterThisTest } from '../../support/after-test.js';
import { describeWithRedis as describe } from '../../support/describe-with.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';
import { until } from '../../support/until.js';

const HOST = '127.0.0.1';

/** A client for both roles. */
type Client = RedisPublisher & RedisSubscriber;

interface Emitter {
  eventNames(): readonly (string | symbol)[];
  listenerCount(name: string | symbol): number;
}

interface OpenClient {
  readonly client: Client & Emitter;
  close(): void;
}

interface Flavour {
  readonly name: string;
  open(port: number): Promise<OpenClient>;
}

const ignoreErrors = (): undefined => undefined;
const quickly = () => 20;

/** The clients as in their manuals, but for a quick reconnection. */
const CLIENTS: readonly Flavour[] = [
  {
    name: 'node-redis 6',
    open: async port => {
      const client = createClient({ socket: { host: HOST, port, reconnectStrategy: 20 } });
      await client.on('error', ignoreErrors).connect();
      return { client, close: () => client.destroy() };
    },
  },
  {
    name: 'node-redis 5',
    open: async port => {
      const client = createClient5({ socket: { host: HOST, port, reconnectStrategy: 20 } });
      await client.on('error', ignoreErrors).connect();
      return { client, close: () => client.destroy() };
    },
  },
  {
    name: 'ioredis 6',
    open: async port => {
      const client = new Redis({ host: HOST, port, retryStrategy: quickly });
      return { client: client.on('error', ignoreErrors), close: () => client.disconnect() };
    },
  },
  {
    name: 'ioredis 5 that does not subscribe again, with a key prefix',
    open: async port => {
      const more = { autoResubscribe: false, keyPrefix: 'app:' };
      const client = new Redis5({ host: HOST, port, retryStrategy: quickly, ...more });
      return { client: client.on('error', ignoreErrors), close: () => client.disconnect() };
    },
  },
];

function countListeners(emitter: Emitter): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
}

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.close());

describe.each(CLIENTS)('redisReplicaChannel with $name', ({ open }) => {
  let publisher: OpenClient;
  let subscriber: OpenClient;
  let channel: ReplicaChannel;
  let heard: string[];
  const hear = (message: string): void => void heard.push(message);

  beforeEach(async () => {
    [publisher, subscriber] = await Promise.all([open(server.port), open(server.port)]);
    channel = redisReplicaChannel(publisher.client, subscriber.client);
    heard = [];
  });
  afterEach(() => {
    publisher.close();
    subscriber.close();
  });

  it('passes the messages of a topic to its subscribers, in their order', async () => {
    await channel.subscribe('topic', hear);
    await channel.subscribe('another topic', () => heard.push('of the other topic'));
    await channel.publish('topic', 'first — 第一');
    await channel.publish('topic', 'second');
    await until(() => heard.length === 2, 'two messages');
    expect(heard).toEqual(['first — 第一', 'second']);
  });

  it('ends one subscription of a topic and keeps the other', async () => {
    const end = await channel.subscribe('topic', () => heard.push('of the first'));
    await channel.subscribe('topic', () => heard.push('of the second'));
    await end();
    await end();
    await channel.publish('topic', 'text');
    await until(() => heard.length > 0, 'a message');
    await channel.publish('topic', 'text');
    await until(() => heard.length > 1, 'another message');
    expect(heard).toEqual(['of the second', 'of the second']);
  });

  it('keeps a subscription that another channel has on the same client', async () => {
    const other = redisReplicaChannel(publisher.client, subscriber.client);
    const end = await other.subscribe('topic', ignoreErrors);
    await channel.subscribe('topic', hear);
    await end();
    await channel.publish('topic', 'text');
    await until(() => heard.length > 0, 'a message');
    expect(heard).toEqual(['text']);
  });

  it('leaves no listener and no subscription', async () => {
    const before = countListeners(subscriber.client);
    const removeReset = channel.onReset?.(ignoreErrors);
    const ends = [await channel.subscribe('topic', hear), await channel.subscribe('topic', hear)];
    for (const end of ends) await end();
    removeReset?.();
    expect(countListeners(subscriber.client)).toBe(before);
    await channel.publish('topic', 'text');
    const last = await channel.subscribe('last', hear);
    await channel.publish('last', 'last');
    await until(() => heard.length > 0, 'a message');
    await last();
    expect(heard).toEqual(['last']);
  });

  it('restores subscriptions after the connection was lost, and then reports it', async () => {
    let resets = 0;
    await channel.subscribe('topic', hear);
    channel.onReset?.(() => (resets += 1));
    await server.restart();
    await until(() => resets > 0, 'a reset');
    await until(async () => {
      await channel.publish('topic', 'after the restart').catch(ignoreErrors);
      return heard.length > 0;
    }, 'a message');
    expect(heard[0]).toBe('after the restart');
  });

  it('rejects a message that would have to wait for a connection', async () => {
    const failureOf = async (): Promise<unknown> =>
      channel
        .publish('topic', 'text')
        .then(ignoreErrors, (error: unknown) => Object(error).message);
    await server.stop();
    await until(async () => (await failureOf()) === 'Redis is not connected', 'a rejection');
    await server.start();
    await until(async () => (await failureOf()) === undefined, 'a connection');
    await expect(channel.publish('topic', 'text')).resolves.toBeUndefined();
  });
});

describe('redisReplicaChannel', () => {
  const openAll = async (): Promise<readonly OpenClient[]> => {
    const opened = await Promise.all(CLIENTS.map(each => each.open(server.port)));
    afterThisTest(() => opened.forEach(({ close }) => close()));
    return opened;
  };
  const subscribeTo = (subscriber: OpenClient | undefined) =>
    redisReplicaChannel(createClient(), Object(subscriber).client).subscribe('topic', ignoreErrors);
  const refusal = (option: string) =>
    expect.objectContaining({ code: 'WX_CLOUD_OPTIONS_INVALID', option });

  it('refuses one client for both', async () => {
    for (const { client } of await openAll()) {
      expect(() => redisReplicaChannel(client, client)).toThrow(
        refusal('redisReplicaChannel.subscriber'),
      );
    }
  });

  it('refuses a publisher that subscriptions block', async () => {
    const io = new Redis({ host: HOST, port: server.port, protocol: 2 });
    const io5 = new Redis5({ host: HOST, port: server.port });
    afterThisTest(() => [io, io5].forEach(client => client.disconnect()));
    const [node, node5] = await openAll();
    await io.subscribe('topic');
    await io5.subscribe('topic');
    await subscribeTo(node);
    await subscribeTo(node5);
    for (const client of [io, io5, Object(node).client, Object(node5).client]) {
      expect(() => redisReplicaChannel(client, createClient())).toThrow(
        refusal('redisReplicaChannel.publisher'),
      );
    }
  });

  it('refuses a pool as the subscriber, and takes it as the publisher', async () => {
    const pool = createClientPool({ socket: { host: HOST, port: server.port } });
    expect(() => redisReplicaChannel(createClient(), pool as never)).toThrow(
      refusal('redisReplicaChannel.subscriber'),
    );
    expect(redisReplicaChannel(pool, createClient())).toBeDefined();
  });

  it.each([undefined, null, 'redis://localhost', {}, { publish: ignoreErrors }, []])(
    'refuses %j in place of a client',
    given => {
      expect(() => redisReplicaChannel(given as never, createClient())).toThrow(
        refusal('redisReplicaChannel.publisher'),
      );
      expect(() => redisReplicaChannel(createClient(), given as never)).toThrow(
        refusal('redisReplicaChannel.subscriber'),
      );
    },
  );
});
