import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { redisPendingFileStore } from '../../../lib/redis/index.js';
import type { PendingFileStore } from '../../../lib/pending/pending-file-store.js';
import { describeWithRedis as describe } from '../../support/describe-with.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';
import { until } from '../../support/until.js';
import { CLIENTS, type OpenClient } from './redis-clients.js';

const ENV = 'prod-8gtest';
const FILES_KEY = `wx-cloud-storage:{${ENV}}:pending`;
const CLAIMS_KEY = `wx-cloud-storage:{${ENV}}:pending-claims`;
const ENVS_KEY = 'wx-cloud-storage:pending-environments';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let server: RedisServer;

beforeAll(async () => {
  server = await startRedisServer();
});

afterAll(() => server.close());

const idOf = (name: number | string, env = ENV): string =>
  `cloud://${env}.7072-${env}-1300000000/uploads/${name}.png`;
const idsOf = (count: number): string[] => Array.from({ length: count }, (_, at) => idOf(at));
const toUpload = (fileId: string, dueInMs = 0) => ({ fileId, reason: 'upload' as const, dueInMs });
const claimOf = (owner: string, more: object = {}) => ({
  env: ENV,
  owner,
  limit: 100,
  leaseMs: HOUR_MS,
  ...more,
});

/** Claims files in small steps until none is left, and reports them as done. */
async function claimAndFinish(store: PendingFileStore, owner: string): Promise<readonly string[]> {
  const claimed: string[] = [];
  for (let size = 1; size > 0;) {
    const files = await store.claim(claimOf(owner, { limit: 7 }));
    claimed.push(...files.map(({ fileId }) => fileId));
    size = files.length;
  }
  await store.done(claimed, owner);
  return claimed;
}

describe.each(CLIENTS)('redisPendingFileStore on $name', ({ open }) => {
  let redis: OpenClient;
  let store: PendingFileStore;
  /** The store of another process. */
  let other: OpenClient;
  let otherStore: PendingFileStore;

  beforeEach(async () => {
    redis = await open(server.port);
    other = await open(server.port);
    store = redisPendingFileStore(redis.client);
    otherStore = redisPendingFileStore(other.client);
    await redis.command('FLUSHALL');
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await redis.close();
    await other.close();
  });

  const keys = async (): Promise<string[]> => Object(await redis.command('KEYS', '*')).toSorted();

  const redisNowMs = async (): Promise<number> => {
    const [seconds] = Object(await redis.command('TIME'));
    return Number(seconds) * 1_000;
  };

  it('keeps a sorted set of readable members by due time, without an expiry', async () => {
    await store.add([toUpload(idOf('a'), HOUR_MS)]);
    const reply = await redis.command('ZRANGE', FILES_KEY, '0', '-1', 'WITHSCORES');
    const [member, score] = Object(reply).flat();
    expect(member).toBe(`upload ${idOf('a')}`);
    expect(Math.abs(Number(score) - HOUR_MS - (await redisNowMs()))).toBeLessThan(60_000);
    await expect(redis.command('PTTL', FILES_KEY)).resolves.toBe(-1);
    await expect(keys()).resolves.toEqual([FILES_KEY, ENVS_KEY].toSorted());
  });

  it('keeps the owner of a claimed file in a hash, and the end of its lease in the set', async () => {
    await store.add([toUpload(idOf('a'))]);
    await store.claim(claimOf('sweep-1'));
    await expect(redis.command('HGET', CLAIMS_KEY, idOf('a'))).resolves.toBe('sweep-1');
    const score = await redis.command('ZSCORE', FILES_KEY, `upload ${idOf('a')}`);
    expect(Math.abs(Number(score) - HOUR_MS - (await redisNowMs()))).toBeLessThan(60_000);
    await store.done([idOf('a')], 'sweep-1');
    await expect(keys()).resolves.toEqual([ENVS_KEY]);
  });

  it('gives each of 1,000 files to one of eight concurrent claimants', async () => {
    await store.add(idsOf(1_000).map(fileId => toUpload(fileId)));
    const owners = ['sweep-1', 'sweep-2', 'sweep-3', 'sweep-4'];
    const claims = [store, otherStore].flatMap((from, index) =>
      owners.map(owner => claimAndFinish(from, `${owner} of ${index}`)),
    );
    const claimed = (await Promise.all(claims)).flat();
    expect(claimed.toSorted()).toEqual(idsOf(1_000).toSorted());
    await expect(keys()).resolves.toEqual([ENVS_KEY]);
  });

  it.each([
    ['ahead', 30 * DAY_MS],
    ['behind', -30 * DAY_MS],
  ])('counts by the clock of Redis if that of the process is days %s', async (_what, offMs) => {
    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now + offMs);
    await store.add([toUpload(idOf('late'), HOUR_MS), toUpload(idOf('due'))]);
    const files = await store.claim(claimOf('sweep-1', { overdueMs: 0 }));
    expect(files).toEqual([{ fileId: idOf('due'), reason: 'upload' }]);
    await expect(otherStore.claim(claimOf('sweep-2'))).resolves.toEqual([]);
    const score = await redis.command('ZSCORE', FILES_KEY, `upload ${idOf('late')}`);
    expect(Math.abs(Number(score) - HOUR_MS - (await redisNowMs()))).toBeLessThan(60_000);
  });

  it('claims more files than a script takes', async () => {
    await store.add(idsOf(1_201).map(fileId => toUpload(fileId)));
    await expect(store.claim(claimOf('one', { limit: 1_100 }))).resolves.toHaveLength(1_100);
    await expect(store.claim(claimOf('one', { limit: 1_100 }))).resolves.toHaveLength(101);
  });

  it('claims without env the files of all environments, in a process that knows none', async () => {
    await otherStore.add([toUpload(idOf('a')), toUpload(idOf('a', 'env-b'))]);
    const claimed = await store.claim(claimOf('one', { env: undefined }));
    expect(claimed.map(({ fileId }) => fileId).toSorted()).toEqual([idOf('a', 'env-b'), idOf('a')]);
    await expect(otherStore.claim(claimOf('two', { env: undefined }))).resolves.toEqual([]);
  });

  it('makes an environment known again that Redis has lost', async () => {
    await otherStore.add([toUpload(idOf('a'))]);
    await redis.command('DEL', ENVS_KEY);
    await until(async () => {
      await otherStore.add([toUpload(idOf('a'))]);
      return (await keys()).includes(ENVS_KEY);
    });
    await expect(store.claim(claimOf('one', { env: undefined }))).resolves.toHaveLength(1);
  });

  it('keeps files of another prefix apart', async () => {
    const apart = redisPendingFileStore(redis.client, { prefix: 'app:' });
    await apart.add([toUpload(idOf('a'))]);
    await expect(store.claim(claimOf('one'))).resolves.toEqual([]);
    await expect(keys()).resolves.toEqual([`app:pending-environments`, `app:{${ENV}}:pending`]);
  });

  it('leaves members alone that it has not written, and passes by them', async () => {
    await redis.command('ZADD', FILES_KEY, '1', 'later cloud://x', '2', 'nonsense', '3', '');
    await store.add([toUpload(idOf('a'))]);
    await expect(store.claim(claimOf('one', { limit: 1 }))).resolves.toHaveLength(1);
    await expect(redis.command('HKEYS', CLAIMS_KEY)).resolves.toEqual([idOf('a')]);
    await store.done([idOf('a')], 'one');
    await expect(redis.command('ZCARD', FILES_KEY)).resolves.toBe(3);
  });

  it('takes a claim for none when Redis holds no such file', async () => {
    await redis.command('HSET', CLAIMS_KEY, idOf('a'), 'sweep-1');
    await expect(store.add([toUpload(idOf('a'))])).resolves.toEqual([]);
    await expect(redis.command('EXISTS', CLAIMS_KEY)).resolves.toBe(0);
  });

  it.each([
    ['a text', FILES_KEY, ['SET', FILES_KEY, 'a']],
    ['a list', FILES_KEY, ['RPUSH', FILES_KEY, 'a']],
    ['a set in place of claims', CLAIMS_KEY, ['SADD', CLAIMS_KEY, 'a']],
  ])('names the key that holds %s, and changes nothing', async (_what, key, words) => {
    await redis.command(...words);
    const calls = [
      () => store.add([toUpload(idOf('a'))]),
      () => store.settle([idOf('a')]),
      () => store.claim(claimOf('one')),
      () => store.done([idOf('a')], 'one'),
    ];
    for (const call of calls) await expect(call()).rejects.toThrow(key);
    await redis.command('DEL', ENVS_KEY);
    await expect(keys()).resolves.toEqual([key]);
  });

  it('continues after Redis restarted and lost everything', async () => {
    await store.add([toUpload(idOf('a'))]);
    await server.restart();
    await until(() =>
      store.settle([idOf('a')]).then(
        () => true,
        () => false,
      ),
    );
    await store.add([toUpload(idOf('b'))]);
    await expect(otherStore.claim(claimOf('one'))).resolves.toHaveLength(1);
  });

  it('rejects with an error that shows neither the script nor its values', async () => {
    await redis.command('ACL', 'SETUSER', 'reader', 'reset', 'on', '>pass', '~*', '+@all', '-zadd');
    await other.command('AUTH', 'reader', 'pass');
    const adding = otherStore.add([toUpload(idOf('a'))]);
    const error: unknown = await adding.catch((thrown: unknown) => thrown);
    expect(String(error)).toMatch(/can't run this command|NOPERM/);
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toMatch(/uploads|KEYS\[/);
  });

  it('needs no more rights than those of its documentation', async () => {
    const commands =
      'eval time zadd zcard zrangebyscore zrem zscore hdel hget hlen hset sadd smembers'.split(' ');
    const rights = commands.map(command => `+${command}`);
    const user = ['sweeper', 'reset', 'on', '>pass', '~wx-cloud-storage:*', ...rights];
    await redis.command('ACL', 'SETUSER', ...user);
    await other.command('AUTH', 'sweeper', 'pass');
    await otherStore.add([toUpload(idOf('a')), toUpload(idOf('b'))]);
    await otherStore.settle([idOf('b')]);
    const claimed = otherStore.claim(claimOf('one', { env: undefined }));
    await expect(claimed).resolves.toHaveLength(1);
    await otherStore.done([idOf('a')], 'one');
    await expect(keys()).resolves.toEqual([ENVS_KEY]);
  });

  it('leaves the client unchanged: no listener, not closed', async () => {
    const before = redis.listeners();
    const used = redisPendingFileStore(redis.client);
    await used.add([toUpload(idOf('a'))]);
    await used.claim(claimOf('one'));
    await used.done([idOf('a')], 'one');
    await used.settle([idOf('a')]);
    expect(redis.listeners()).toBe(before);
    await expect(redis.command('PING')).resolves.toBe('PONG');
  });
});
