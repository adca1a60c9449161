import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { redisReplicaChannel } from '../../lib/redis/index.js';
import {
  type ClientFlavour,
  CLIENTS,
  CLUSTER_CLIENTS,
  SENTINEL_CLIENTS,
} from '../e2e/redis/redis-clients.js';
import { afterThisTest } from '../support/after-test.js';
import { describeWithRedis as describe } from '../support/describe-with.js';
import {
  promote,
  type RedisServer,
  startRedisCluster,
  startRedisSentinel,
  startRedisServer,
} from '../support/redis-server.js';
import { startSwitchedProxy } from '../support/switched-proxy.js';
import { until } from '../support/until.js';

// oxlint-disable jest/no-duplicate-hooks -- the rule takes no `describe` of ours for one
let server: RedisServer;

const restart = (): Promise<void> => server.restart();

/** Passes messages before and after the server was lost. */
async function passMessages(
  { open }: ClientFlavour,
  port: number,
  lose: () => Promise<void>,
): Promise<object> {
  const [publisher, subscriber] = await Promise.all([open(port), open(port)]);
  const channel = redisReplicaChannel(publisher.client as never, subscriber.client as never);
  const before = subscriber.listeners();
  const heard: string[] = [];
  let resets = 0;
  const removeReset = channel.onReset?.(() => (resets += 1));
  const end = await channel.subscribe('topic', message => heard.push(message));
  await channel.publish('topic', 'before');
  await until(() => heard.length > 0, 'a message');
  resets = 0;
  await lose();
  await until(async () => {
    await channel.publish('topic', 'after').catch(() => {});
    return heard.includes('after');
  }, 'a message after the loss');
  await until(() => resets > 0, 'a reset', 20).catch(() => {});
  await end();
  removeReset?.();
  // A cluster has listeners of its own, which come and go.
  const left = Math.max(0, subscriber.listeners() - before);
  await Promise.all([publisher.close(), subscriber.close()]);
  return { first: heard[0], isReset: resets > 0, left };
}

const ALL_PASSED = { first: 'before', isReset: true, left: 0 };

describe('redisReplicaChannel on a cluster', () => {
  beforeAll(async () => {
    server = await startRedisCluster();
  });
  afterAll(() => server.close());

  it.each(CLUSTER_CLIENTS)('passes messages with $name', async flavour => {
    await expect(passMessages(flavour, server.port, restart)).resolves.toEqual(ALL_PASSED);
  });
});

describe('redisReplicaChannel behind a sentinel', () => {
  let sentinel: RedisServer;

  beforeAll(async () => {
    server = await startRedisServer();
    sentinel = await startRedisSentinel(server.port);
  });
  afterAll(async () => {
    await sentinel.close();
    await server.close();
  });

  it.each(SENTINEL_CLIENTS)('passes messages with $name', async flavour => {
    await expect(passMessages(flavour, sentinel.port, restart)).resolves.toEqual(ALL_PASSED);
  });
});

describe('redisReplicaChannel whose server fails over to another', () => {
  beforeEach(async () => {
    server = await startRedisServer();
    afterThisTest(() => server.close());
  });

  async function startReplica(): Promise<RedisServer> {
    const replica = await startRedisServer(['--replicaof', `127.0.0.1 ${server.port}`]);
    afterThisTest(() => replica.close());
    return replica;
  }

  it.each(CLIENTS)('passes messages with $name behind one address', async flavour => {
    const replica = await startReplica();
    const proxy = await startSwitchedProxy(server.port);
    afterThisTest(() => proxy.close());

    const passing = passMessages(flavour, proxy.port, async () => {
      await server.crash();
      await promote(replica);
      proxy.switchTo(replica.port);
    });

    await expect(passing).resolves.toEqual(ALL_PASSED);
  });

  it.each(SENTINEL_CLIENTS)('passes messages with $name of a sentinel', async flavour => {
    const replica = await startReplica();
    const sentinel = await startRedisSentinel(server.port);
    afterThisTest(() => sentinel.close());
    await untilKnown(sentinel.port, 'num-slaves', '1');

    const passing = passMessages(flavour, sentinel.port, async () => {
      await server.crash();
      await untilKnown(sentinel.port, 'port', String(replica.port));
    });

    await expect(passing).resolves.toEqual(ALL_PASSED);
  });
});

/** Waits until a sentinel has a value in its description of the server. */
async function untilKnown(port: number, name: string, value: string): Promise<void> {
  const client = new Redis(port);
  await until(async () => {
    const words = (await client.call('SENTINEL', 'MASTER', 'main')) as string[];
    return words[words.indexOf(name) + 1] === value;
  }, `${name} ${value} of the sentinel`);
  client.disconnect();
}
