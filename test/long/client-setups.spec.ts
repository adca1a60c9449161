import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import type { WxAccessTokenLock, AccessTokenStore } from '../../lib/options/options.js';
import {
  redisAccessTokenStore,
  redisPendingFileStore,
  type RedisClient,
} from '../../lib/redis/index.js';
import { describeWithRedis as describe } from '../support/describe-with.js';
import {
  type RedisServer,
  startRedisCluster,
  startRedisSentinel,
  startRedisServer,
} from '../support/redis-server.js';
import {
  type ClientFlavour,
  CLUSTER_CLIENTS,
  OTHER_SETUPS,
  SENTINEL_CLIENTS,
} from '../e2e/redis/redis-clients.js';

// oxlint-disable jest/no-duplicate-hooks -- the rule takes no `describe` of ours for one
const KEY = 'wx1234567890abcdef:access-token:mark';
const PASSWORD = 'pass-word-of-redis';
const ENCRYPTION_KEY = 'encryption-key-of-redis';
const TOKEN = '81_tokenThatNobodyMaySee';

/** The common part of both clients. */
type OwnClient = RedisClient & { connect(): Promise<unknown>; quit(): Promise<unknown> };

async function lockOf(store: AccessTokenStore): Promise<WxAccessTokenLock> {
  const lock = await store.lock(KEY, 60_000);
  if (lock === undefined) throw new Error('the lock is held');
  return lock;
}

/** The life of a store: lock, set, get, release, lock, and a late writer. */
async function live({ open }: ClientFlavour, port: number): Promise<readonly unknown[]> {
  const redis = await open(port);
  const store = redisAccessTokenStore(redis.client, { encryptionKey: ENCRYPTION_KEY });
  const first = await lockOf(store);
  const blocked = await store.lock(KEY, 60_000);
  await first.release();
  const second = await lockOf(store);
  const token = { accessToken: TOKEN, expiresInMs: 60_000 };
  const kept = [await store.set(KEY, token, first), await store.set(KEY, token, second)];
  const held = await store.get(KEY);
  await second.release();
  await redis.close();
  return [blocked, typeof first.fence, second.fence > first.fence, ...kept, held];
}

const WHOLE_LIFE = [
  undefined,
  'number',
  true,
  false,
  true,
  { accessToken: TOKEN, expiresInMs: expect.any(Number) },
];

const FILE_IDS = ['a', 'b', 'c'].map(name => `cloud://env-a.bucket/${name} 文件.png`);
const [FILE_A = '', FILE_B = '', FILE_C = ''] = FILE_IDS;

/** The life of pending files: added, settled, claimed, and removed. */
async function livePending({ open }: ClientFlavour, port: number): Promise<readonly unknown[]> {
  const redis = await open(port);
  const store = redisPendingFileStore(redis.client);
  const toForm = (fileId: string) => ({ fileId, reason: 'form' as const, dueInMs: 0 });
  const added = await store.add(FILE_IDS.map(toForm));
  const settled = await store.settle([FILE_A]);
  const claimed = await store.claim({ owner: 'one', limit: 1, leaseMs: 60_000 });
  const known = await store.add([FILE_B, FILE_C].map(toForm));
  await store.done(FILE_IDS, 'one');
  const left = await store.claim({ env: 'env-a', owner: 'two', limit: 9, leaseMs: 60_000 });
  await store.done(FILE_IDS, 'two');
  const last = await store.settle(FILE_IDS);
  await redis.close();
  return [added, settled, claimed, known, left, last];
}

const WHOLE_PENDING_LIFE = [
  [],
  [],
  [{ fileId: FILE_B, reason: 'form' }],
  [FILE_B],
  [{ fileId: FILE_C, reason: 'form' }],
  [],
];

describe('redisAccessTokenStore', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedisServer(['--requirepass', PASSWORD]);
  });

  afterAll(() => server.close());

  const secretClients: readonly (readonly [string, () => OwnClient])[] = [
    ['node-redis', () => createClient({ url: server.url, password: PASSWORD })],
    ['ioredis', () => new Redis(server.url, { password: PASSWORD, lazyConnect: true })],
  ];

  it.each(secretClients)('shows no secret on %s', async (_name, make) => {
    const client = make();
    await client.connect();
    const store = redisAccessTokenStore(client, { encryptionKey: ENCRYPTION_KEY });
    const lock = await lockOf(store);
    await store.set(KEY, { accessToken: TOKEN, expiresInMs: 60_000 }, lock);
    await lock.release();
    const shown = [store, lock]
      .flatMap(value => [
        inspect(value, { depth: Infinity, showHidden: true, getters: true }),
        JSON.stringify(value),
        String(value),
      ])
      .join('\n');
    await client.quit();
    expect(inspect(store, { depth: Infinity, showHidden: true })).toBe('RedisAccessTokenStore {}');
    expect(shown).not.toMatch(new RegExp(`${PASSWORD}|${ENCRYPTION_KEY}|${TOKEN}|eval`));
  });
});

describe('stores with other client settings', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedisServer();
  });

  afterAll(() => server.close());

  it.each(OTHER_SETUPS)('keep tokens with $name', async flavour => {
    await expect(live(flavour, server.port)).resolves.toEqual(WHOLE_LIFE);
  });

  it.each(OTHER_SETUPS)('keep pending files with $name', async flavour => {
    await expect(livePending(flavour, server.port)).resolves.toEqual(WHOLE_PENDING_LIFE);
  });
});

describe('stores on a cluster', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedisCluster();
  });

  afterAll(() => server.close());

  it.each(CLUSTER_CLIENTS)('keep tokens with $name', async flavour => {
    await expect(live(flavour, server.port)).resolves.toEqual(WHOLE_LIFE);
  });

  it.each(CLUSTER_CLIENTS)('keep pending files with $name', async flavour => {
    await expect(livePending(flavour, server.port)).resolves.toEqual(WHOLE_PENDING_LIFE);
  });
});

describe('stores behind a sentinel', () => {
  let server: RedisServer;
  let sentinel: RedisServer;

  beforeAll(async () => {
    server = await startRedisServer();
    sentinel = await startRedisSentinel(server.port);
  });

  afterAll(async () => {
    await sentinel.close();
    await server.close();
  });

  it.each(SENTINEL_CLIENTS)('keep tokens with $name', async flavour => {
    await expect(live(flavour, sentinel.port)).resolves.toEqual(WHOLE_LIFE);
  });

  it.each(SENTINEL_CLIENTS)('keep pending files with $name', async flavour => {
    await expect(livePending(flavour, sentinel.port)).resolves.toEqual(WHOLE_PENDING_LIFE);
  });
});
