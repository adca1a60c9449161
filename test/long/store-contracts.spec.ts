import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { redisAccessTokenStore, redisPendingFileStore } from '../../lib/redis/index.js';
import { accessTokenStoreContract, pendingFileStoreContract } from '../../lib/testing/index.js';
import { describeWithRedis as describe } from '../support/describe-with.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';
import { CLIENTS, type OpenClient } from '../e2e/redis/redis-clients.js';

// oxlint-disable jest/no-duplicate-hooks -- the rule takes no `describe` of ours for one
let server: RedisServer;

beforeAll(async () => {
  server = await startRedisServer();
});

afterAll(() => server.close());

describe.each(CLIENTS)('on $name', ({ open }) => {
  let redis: OpenClient;

  beforeAll(async () => {
    redis = await open(server.port);
  });

  afterAll(() => redis.close());

  describe('redisPendingFileStore', () => {
    const contract = pendingFileStoreContract(
      name => redisPendingFileStore(redis.client, { prefix: `${name}:` }),
      { isShared: true },
    );

    it.each(contract)('$name', async ({ run }) => {
      await expect(run()).resolves.toBeUndefined();
    });

    it('leaves no key of a removed file', async () => {
      await expect(redis.command('KEYS', '*pending')).resolves.toEqual([]);
      await expect(redis.command('KEYS', '*claims')).resolves.toEqual([]);
    });
  });

  describe('redisAccessTokenStore', () => {
    const contract = accessTokenStoreContract(
      name => redisAccessTokenStore(redis.client, { prefix: `${name}:` }),
      { isShared: true },
    );

    it.each(contract)('$name', async ({ run }) => {
      await expect(run()).resolves.toBeUndefined();
    });
  });
});
