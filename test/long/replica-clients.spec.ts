import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { redisReplicaChannel } from '../../lib/redis/index.js';
import {
  type ClientFlavour,
  CLUSTER_CLIENTS,
  SENTINEL_CLIENTS,
} from '../e2e/redis/redis-clients.js';
import { describeWithRedis as describe } from '../support/describe-with.js';
import {
  type RedisServer,
  startRedisCluster,
  startRedisSentinel,
  startRedisServer,
} from '../support/redis-server.js';
import { until } from '../support/until.js';

// oxlint-disable jest/no-duplicate-hooks -- the rule takes no `describe` of ours for one
let server: RedisServer;

/** Passes messages before and after the server was restarted. */
async function passMessages({ open }: ClientFlavour, port: number): Promise<object> {
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
  await server.restart();
  await until(async () => {
    await channel.publish('topic', 'after').catch(() => {});
    return heard.includes('after');
  }, 'a message after the restart');
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
    await expect(passMessages(flavour, server.port)).resolves.toEqual(ALL_PASSED);
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
    await expect(passMessages(flavour, sentinel.port)).resolves.toEqual(ALL_PASSED);
  });
});
