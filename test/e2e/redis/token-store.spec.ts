import { performance } from 'node:perf_hooks';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { WxAccessTokenLock, AccessTokenStore } from '../../../lib/options/options.js';
import { redisAccessTokenStore } from '../../../lib/redis/index.js';
import { describeWithRedis as describe } from '../../support/describe-with.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';
import { until } from '../../support/until.js';
import { CLIENTS, type OpenClient } from './redis-clients.js';

const APPID = 'wx1234567890abcdef';
const KEY = `${APPID}:access-token:markOfTheSecret`;
const TOKEN_KEY = `wx-cloud-storage:{${KEY}}:token`;
const LOCK_KEY = `wx-cloud-storage:{${KEY}}:lock`;
const FENCE_KEY = `wx-cloud-storage:{${KEY}}:fence`;
const TOKEN = '81_tokenThatNobodyMaySee-üé';
const HOUR_MS = 3_600_000;

let server: RedisServer;

beforeAll(async () => {
  // Warnings are looked at where they are expected.
  Logger.overrideLogger(false);
  server = await startRedisServer();
});

afterAll(() => server.close());

describe.each(CLIENTS)('redisAccessTokenStore on $name', ({ open }) => {
  let redis: OpenClient;
  let store: AccessTokenStore;
  /** The store of another process. */
  let other: OpenClient;
  let otherStore: AccessTokenStore;

  beforeEach(async () => {
    redis = await open(server.port);
    other = await open(server.port);
    store = redisAccessTokenStore(redis.client);
    otherStore = redisAccessTokenStore(other.client);
    await redis.command('FLUSHALL');
  });

  afterEach(async () => {
    await redis.close();
    await other.close();
  });

  const lockOf = async (from: AccessTokenStore, ttlMs = HOUR_MS): Promise<WxAccessTokenLock> => {
    const lock = await from.lock(KEY, ttlMs);
    if (lock === undefined) throw new Error('the lock is held');
    return lock;
  };

  const tokenFor = (expiresInMs: number) => ({ accessToken: TOKEN, expiresInMs });

  it('has no token before one is set', async () => {
    await expect(store.get(KEY)).resolves.toBeUndefined();
  });

  it('returns every process the token with its remaining life', async () => {
    await expect(store.set(KEY, tokenFor(HOUR_MS), await lockOf(store))).resolves.toBe(true);
    const held = await otherStore.get(KEY);
    expect(held).toEqual({ accessToken: TOKEN, expiresInMs: expect.any(Number) });
    expect(held?.expiresInMs).toBeGreaterThan(HOUR_MS - 60_000);
    expect(held?.expiresInMs).toBeLessThanOrEqual(HOUR_MS);
  });

  it('counts the remaining life down', async () => {
    await store.set(KEY, tokenFor(HOUR_MS), await lockOf(store));
    const { expiresInMs } = Object(await store.get(KEY));
    await until(async () => Object(await otherStore.get(KEY)).expiresInMs < expiresInMs - 20);
    await expect(store.get(KEY)).resolves.toBeDefined();
  });

  it('forgets an expired token', async () => {
    await expect(store.set(KEY, tokenFor(100), await lockOf(store))).resolves.toBe(true);
    await until(async () => (await redis.command('EXISTS', TOKEN_KEY)) === 0);
    await expect(store.get(KEY)).resolves.toBeUndefined();
  });

  it('keeps no expired token and no token that it would replace', async () => {
    const lock = await lockOf(store);
    await store.set(KEY, tokenFor(HOUR_MS), lock);
    await store.set(KEY, tokenFor(0.9), lock);
    await expect(store.get(KEY)).resolves.toBeUndefined();
  });

  it('keeps tokens of different keys apart', async () => {
    await store.set(KEY, tokenFor(HOUR_MS), await lockOf(store));
    await expect(store.get(`${KEY}2`)).resolves.toBeUndefined();
    await expect(store.lock(`${KEY}2`, HOUR_MS)).resolves.toBeDefined();
  });

  it('grants the lock to one of fifty concurrent callers', async () => {
    const asking = Array.from({ length: 50 }, (_, turn) =>
      [store, otherStore][turn % 2]?.lock(KEY, HOUR_MS),
    );
    const taken = (await Promise.all(asking)).filter(lock => lock !== undefined);
    expect(taken).toHaveLength(1);
  });

  it('grants the lock again once it is released', async () => {
    const first = await lockOf(store);
    await expect(otherStore.lock(KEY, HOUR_MS)).resolves.toBeUndefined();
    await first.release();
    const second = await lockOf(otherStore);
    expect(second.fence).toBeGreaterThan(first.fence);
  });

  it('grants the lock again once it has expired', async () => {
    const first = await lockOf(store, 50);
    const later: WxAccessTokenLock[] = [];
    await until(async () => {
      later.push(...[await otherStore.lock(KEY, HOUR_MS)].filter(lock => lock !== undefined));
      return later.length > 0;
    });
    expect(later[0]?.fence).toBeGreaterThan(first.fence);
  });

  it('holds the lock for the requested time only', async () => {
    await lockOf(store, 1_000.2);
    const lifeMs = Number(await redis.command('PTTL', LOCK_KEY));
    expect(lifeMs).toBeGreaterThan(0);
    expect(lifeMs).toBeLessThanOrEqual(1_001);
  });

  it('does not release the lock of another', async () => {
    const lost = await lockOf(store);
    await redis.command('DEL', LOCK_KEY);
    await lockOf(otherStore);
    await lost.release();
    await expect(store.lock(KEY, HOUR_MS)).resolves.toBeUndefined();
  });

  it('tolerates a second release of a lock', async () => {
    const lock = await lockOf(store);
    await lock.release();
    await lockOf(otherStore);
    await expect(lock.release()).resolves.toBeUndefined();
    await expect(store.lock(KEY, HOUR_MS)).resolves.toBeUndefined();
  });

  it('rejects the token of a holder whose lock another one has taken', async () => {
    const lost = await lockOf(store);
    await redis.command('DEL', LOCK_KEY);
    const newer = await lockOf(otherStore);
    await expect(store.set(KEY, tokenFor(HOUR_MS), lost)).resolves.toBe(false);
    await expect(store.get(KEY)).resolves.toBeUndefined();

    await otherStore.set(KEY, { accessToken: 'newer', expiresInMs: HOUR_MS }, newer);
    await expect(store.set(KEY, tokenFor(HOUR_MS), lost)).resolves.toBe(false);
    await expect(store.get(KEY)).resolves.toMatchObject({ accessToken: 'newer' });
  });

  it('rejects it even when the newer lock has been released', async () => {
    const lost = await lockOf(store);
    await redis.command('DEL', LOCK_KEY);
    await (await lockOf(otherStore)).release();
    await expect(store.set(KEY, tokenFor(HOUR_MS), lost)).resolves.toBe(false);
  });

  it('accepts the token of a holder whose lock expired if no other was taken', async () => {
    const lock = await lockOf(store);
    await redis.command('DEL', LOCK_KEY);
    await expect(store.set(KEY, tokenFor(HOUR_MS), lock)).resolves.toBe(true);
  });

  it('accepts a token for a lock that it knows by its fence only', async () => {
    const { fence, release } = await lockOf(store);
    await expect(otherStore.set(KEY, tokenFor(HOUR_MS), { fence, release })).resolves.toBe(true);
    await expect(store.get(KEY)).resolves.toMatchObject({ accessToken: TOKEN });
  });

  it.each([
    ['has forgotten it', 0, ['DEL', FENCE_KEY]],
    ['holds nonsense in its place', 0, ['SET', FENCE_KEY, 'nonsense']],
    ['holds one of a clock that ran ahead', 7e15, ['SET', FENCE_KEY, '7000000000000000']],
  ])('increases fences when Redis %s', async (_what, held, words) => {
    const first = await lockOf(store);
    await first.release();
    await redis.command(...words);
    const second = await lockOf(store);
    await second.release();
    const third = await lockOf(store);
    expect(second.fence).toBeGreaterThan(Math.max(first.fence, held));
    expect(third.fence).toBeGreaterThan(second.fence);
    await expect(store.set(KEY, tokenFor(HOUR_MS), second)).resolves.toBe(false);
    await expect(store.set(KEY, tokenFor(HOUR_MS), third)).resolves.toBe(true);
  });

  it('continues after Redis restarted and lost everything', async () => {
    const first = await lockOf(store);
    await server.restart();
    const second = await lockOf(store);
    expect(second.fence).toBeGreaterThan(first.fence);
    await expect(store.set(KEY, tokenFor(HOUR_MS), first)).resolves.toBe(false);
    await expect(otherStore.get(KEY)).resolves.toBeUndefined();
  });

  it('does not prolong the life of a token that waited for Redis', async () => {
    const lock = await lockOf(store);
    server.pause();
    const setting = store.set(KEY, tokenFor(HOUR_MS), lock);
    const resumeAtMs = performance.now() + 200;
    await until(() => performance.now() > resumeAtMs);
    server.resume();
    await setting;
    const held = await store.get(KEY);
    expect(held?.expiresInMs).toBeLessThanOrEqual(HOUR_MS - 190);
    expect(held?.expiresInMs).toBeGreaterThan(HOUR_MS - 60_000);
  });

  it.each([
    ['a text of another kind', ['SET', TOKEN_KEY, TOKEN, 'PX', '60000']],
    ['an empty text', ['SET', TOKEN_KEY, '', 'PX', '60000']],
    ['an empty token', ['SET', TOKEN_KEY, 'plain:', 'PX', '60000']],
    ['a token without an end', ['SET', TOKEN_KEY, `plain:${TOKEN}`]],
    ['a list', ['RPUSH', TOKEN_KEY, 'plain:a']],
  ])('reads %s as no token and replaces it', async (_what, words) => {
    await redis.command(...words);
    await expect(store.get(KEY)).resolves.toBeUndefined();
    await store.set(KEY, tokenFor(HOUR_MS), await lockOf(store));
    await expect(store.get(KEY)).resolves.toMatchObject({ accessToken: TOKEN });
  });

  it('keeps three keys that contain the name of the token, all with a TTL', async () => {
    await store.set(KEY, tokenFor(HOUR_MS), await lockOf(store));
    const names = await redis.command('KEYS', '*');
    expect(names).toHaveLength(3);
    expect(names).toEqual(expect.arrayContaining([TOKEN_KEY, LOCK_KEY, FENCE_KEY]));
    await expect(redis.command('PTTL', TOKEN_KEY)).resolves.toBeGreaterThan(0);
    await expect(redis.command('PTTL', LOCK_KEY)).resolves.toBeGreaterThan(0);
    await expect(redis.command('PTTL', FENCE_KEY)).resolves.toBeGreaterThan(24 * HOUR_MS);
  });

  it("adds the application's prefix to its keys", async () => {
    await redisAccessTokenStore(redis.client, { prefix: 'lab/' }).lock(KEY, HOUR_MS);
    await expect(redis.command('EXISTS', `lab/{${KEY}}:lock`)).resolves.toBe(1);
  });

  it('keeps a plain token readable', async () => {
    await store.set(KEY, tokenFor(HOUR_MS), await lockOf(store));
    await expect(redis.command('GET', TOKEN_KEY)).resolves.toBe(`plain:${TOKEN}`);
  });

  it('stores an encrypted token unreadably and opens it with the same key only', async () => {
    const withKey = (encryptionKey: string, from: OpenClient) =>
      redisAccessTokenStore(from.client, { encryptionKey });
    const encrypted = withKey('a key that both processes have', redis);
    await encrypted.set(KEY, tokenFor(HOUR_MS), await lockOf(encrypted));

    const kept = String(await redis.command('GET', TOKEN_KEY));
    expect(kept).toMatch(/^aes-256-gcm:[\w-]{60,}$/);
    const sealed = Buffer.from(kept.slice('aes-256-gcm:'.length), 'base64url');
    expect(sealed.includes(TOKEN)).toBe(false);

    const opened = withKey('a key that both processes have', other).get(KEY);
    await expect(opened).resolves.toMatchObject({ accessToken: TOKEN });
    await expect(withKey('a key that is another one', other).get(KEY)).resolves.toBeUndefined();
    await expect(otherStore.get(KEY)).resolves.toBeUndefined();
  });

  it.each<[string, string | undefined, string | undefined]>([
    ['was encrypted with another key', 'a key that is another one', 'the key of this process'],
    ['was encrypted, where it is not', 'a key that is another one', undefined],
    ['was not encrypted, where it is', undefined, 'the key of this process'],
  ])('warns once of a token that %s, and replaces it', async (_what, theirs, ours) => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
    const written = redisAccessTokenStore(other.client, { encryptionKey: theirs });
    await written.set(KEY, tokenFor(HOUR_MS), await lockOf(written, 1));
    const own = redisAccessTokenStore(redis.client, { encryptionKey: ours });
    for (let call = 0; call < 3; call += 1) await expect(own.get(KEY)).resolves.toBeUndefined();
    await until(async () => (await redis.command('EXISTS', LOCK_KEY)) === 0);
    await own.set(KEY, tokenFor(HOUR_MS), await lockOf(own));
    await expect(own.get(KEY)).resolves.toMatchObject({ accessToken: TOKEN });
    const lines = warn.mock.calls.flat().map(String);
    const [writer] = warn.mock.contexts;
    warn.mockRestore();
    expect(writer).toMatchObject({ context: 'WxCloudStorageModule' });
    expect(lines).toEqual([expect.stringContaining('encryptionKey')]);
    expect(lines.join()).not.toContain(TOKEN);
  });

  it('ignores a plain token when tokens are encrypted', async () => {
    await store.set(KEY, tokenFor(HOUR_MS), await lockOf(store));
    const encryptionKey = Buffer.alloc(32, 7);
    const encrypted = redisAccessTokenStore(other.client, { encryptionKey });
    await expect(encrypted.get(KEY)).resolves.toBeUndefined();
  });

  it('fails without showing the token when Redis rejects the command', async () => {
    const lock = await lockOf(store);
    await redis.command('REPLICAOF', '127.0.0.1', '1');
    const failure = await store.set(KEY, tokenFor(HOUR_MS), lock).catch((error: unknown) => error);
    await redis.command('REPLICAOF', 'NO', 'ONE');
    expect(failure).toBeInstanceOf(Error);
    expect(inspect(failure, { depth: Infinity, showHidden: true })).toMatch(/read ?only/i);
    expect(inspect(failure, { depth: Infinity, showHidden: true })).not.toContain(TOKEN);
  });

  it('distinguishes a missing permission from a missing token', async () => {
    await redis.command('ACL', 'SETUSER', 'default', '-get');
    const failure = await store.get(KEY).catch((error: unknown) => error);
    await redis.command('ACL', 'SETUSER', 'default', '+get');
    expect(failure).toMatchObject({ message: expect.stringContaining("can't run this command") });
  });

  it.each(['time', 'get', 'pttl'])('takes no lock without the permission for %s', async command => {
    await redis.command('ACL', 'SETUSER', 'default', `-${command}`);
    const failure = await store.lock(KEY, HOUR_MS).catch((error: unknown) => error);
    await redis.command('ACL', 'SETUSER', 'default', `+${command}`);
    expect(failure).toBeInstanceOf(Error);
    await expect(redis.command('EXISTS', LOCK_KEY)).resolves.toBe(0);
    await expect(store.lock(KEY, HOUR_MS)).resolves.toBeDefined();
  });

  it.each([['a list in place of the fence', ['RPUSH', FENCE_KEY, 'a']]])(
    'takes no lock with %s',
    async (_what, words) => {
      await redis.command(...words);
      await expect(store.lock(KEY, HOUR_MS)).rejects.toThrow('WRONGTYPE');
      await expect(redis.command('EXISTS', LOCK_KEY)).resolves.toBe(0);
    },
  );

  it.each([
    ['a lock without an end', ['SET', LOCK_KEY, 'somebody']],
    ['a list without an end', ['RPUSH', LOCK_KEY, 'somebody']],
  ])('times out while waiting for %s', async (_what, words) => {
    await redis.command(...words);
    const lock = await lockOf(store);
    await expect(redis.command('PTTL', LOCK_KEY)).resolves.toBeGreaterThan(0);
    await lock.release();
    await expect(redis.command('EXISTS', LOCK_KEY)).resolves.toBe(0);
  });

  it.each(['-1', 'inf', '9007199254740991', '1e300'])(
    'increases fences when Redis holds %s in their place',
    async held => {
      await redis.command('SET', FENCE_KEY, held);
      const lock = await lockOf(store);
      expect(Number.isSafeInteger(lock.fence)).toBe(true);
      await expect(store.set(KEY, tokenFor(HOUR_MS), lock)).resolves.toBe(true);
    },
  );

  it('leaves the client unchanged: no listener, not closed', async () => {
    const before = redis.listeners();
    const used = redisAccessTokenStore(redis.client);
    const lock = await lockOf(used);
    await used.set(KEY, tokenFor(HOUR_MS), lock);
    await used.get(KEY);
    await lock.release();
    expect(redis.listeners()).toBe(before);
    await expect(redis.command('PING')).resolves.toBe('PONG');
  });
});
