import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type {
  AccessTokenStore,
  WxAccessTokenLock,
  WxStoredAccessToken,
} from '../options/options.js';
import {
  type CaseTable,
  until,
  type WxCloudStoreContractCase,
  type WxCloudStoreContractOptions,
  type WxCloudStoreFactory,
} from './contract-case.js';

/** A store with a key that no other case uses. */
interface TokenKit {
  readonly store: AccessTokenStore;
  readonly key: string;
  /** Creates a store of the same name. */
  readonly openSecond: () => Promise<AccessTokenStore>;
}

const HOUR_MS = 3_600_000;
const SHORT_MS = 50;

/**
 * Creates the tests of a store of access tokens, for any test runner. Each case calls `createStore`
 * with a name of its own, and uses random keys.
 * @example
 * ```ts
 * import { test } from 'node:test';
 * import { createClient } from 'redis';
 * import { redisAccessTokenStore } from 'nestjs-wx-cloud-storage/redis';
 * import { accessTokenStoreContract } from 'nestjs-wx-cloud-storage/testing';
 *
 * const client = await createClient().connect();
 * const createStore = (name: string) => redisAccessTokenStore(client, { prefix: `${name}:` });
 *
 * for (const { name, run } of accessTokenStoreContract(createStore, { isShared: true })) {
 *   test(name, run);
 * }
 * ```
 */
export function accessTokenStoreContract(
  createStore: WxCloudStoreFactory<AccessTokenStore>,
  options: WxCloudStoreContractOptions = {},
): readonly WxCloudStoreContractCase[] {
  const cases = { ...CASES, ...(options.isShared === true ? SHARED_CASES : {}) };
  return Object.entries(cases).map(([name, test]) => ({
    name,
    run: async () => {
      const id = randomUUID();
      const openSecond = async (): Promise<AccessTokenStore> => createStore(`contract-${id}`);
      await test({ store: await openSecond(), key: `wx0123456789abcdef:${id}`, openSecond });
    },
  }));
}

function tokenOf(accessToken: string, expiresInMs = HOUR_MS): WxStoredAccessToken {
  return { accessToken, expiresInMs };
}

async function lockOf(
  store: AccessTokenStore,
  key: string,
  ttlMs = HOUR_MS,
): Promise<WxAccessTokenLock> {
  const lock = await store.lock(key, ttlMs);
  assert.ok(lock !== undefined, 'the lock is not held, and lock() returned undefined');
  assert.ok(Number.isFinite(lock.fence), 'the fence of a lock is a number');
  return lock;
}

async function assertHeld(
  store: AccessTokenStore,
  key: string,
  accessToken: string,
): Promise<void> {
  const held = await store.get(key);
  assert.equal(held?.accessToken, accessToken, 'get() returns the token that was set last');
}

async function assertLocked(store: AccessTokenStore, key: string): Promise<void> {
  assert.equal(await store.lock(key, HOUR_MS), undefined, 'the lock is held by another');
}

/** Locks a key for a moment, and again once the first lock has expired. */
async function lockTwice({ store, key }: TokenKit): Promise<readonly WxAccessTokenLock[]> {
  const first = await lockOf(store, key, SHORT_MS);
  const later: WxAccessTokenLock[] = [];
  await until(async () => {
    later.push(...[await store.lock(key, HOUR_MS)].filter(lock => lock !== undefined));
    return later.length > 0;
  }, 'the expiry of a lock');
  return [first, ...later];
}

const TOKEN_CASES: CaseTable<TokenKit> = {
  'has no token before one is set': async ({ store, key }) => {
    assert.equal(await store.get(key), undefined);
  },
  'returns a token with its remaining lifetime': async ({ store, key }) => {
    assert.equal(await store.set(key, tokenOf('token'), await lockOf(store, key)), true);
    const held = await store.get(key);
    assert.equal(held?.accessToken, 'token');
    const { expiresInMs } = held;
    assert.ok(expiresInMs > HOUR_MS / 2 && expiresInMs <= HOUR_MS, `expiresInMs: ${expiresInMs}`);
  },
  'counts the remaining lifetime down': async ({ store, key }) => {
    await store.set(key, tokenOf('token'), await lockOf(store, key));
    await until(async () => {
      const held = await store.get(key);
      return held !== undefined && held.expiresInMs <= HOUR_MS - SHORT_MS;
    }, 'a shorter remaining lifetime');
  },
  'has no token once it has expired': async ({ store, key }) => {
    await store.set(key, tokenOf('token', SHORT_MS), await lockOf(store, key));
    await until(async () => (await store.get(key)) === undefined, 'the expiry of a token');
  },
  'keeps no token that has expired before it is set': async ({ store, key }) => {
    const lock = await lockOf(store, key);
    await store.set(key, tokenOf('former'), lock);
    await store.set(key, tokenOf('token', 0), lock);
    assert.equal(await store.get(key), undefined);
  },
  'accepts fractions of milliseconds': async ({ store, key }) => {
    const lock = await lockOf(store, key, HOUR_MS + 0.5);
    assert.equal(await store.set(key, tokenOf('token', HOUR_MS - 0.5), lock), true);
    await assertHeld(store, key, 'token');
  },
  'replaces a token': async ({ store, key }) => {
    const lock = await lockOf(store, key);
    await store.set(key, tokenOf('former'), lock);
    await store.set(key, tokenOf('token'), lock);
    await assertHeld(store, key, 'token');
  },
  'keeps a token of 512 characters as it is': async ({ store, key }) => {
    const long = '81_-~+/="\\'.repeat(52).slice(0, 512);
    await store.set(key, tokenOf(long), await lockOf(store, key));
    await assertHeld(store, key, long);
  },
  'keeps the tokens of different keys apart': async ({ store, key }) => {
    await store.set(key, tokenOf('token'), await lockOf(store, key));
    assert.equal(await store.get(`${key}:2`), undefined);
  },
};

const LOCK_CASES: CaseTable<TokenKit> = {
  'grants a lock to one of fifty concurrent callers': async ({ store, key }) => {
    const asking = Array.from({ length: 50 }, async () => store.lock(key, HOUR_MS));
    const taken = (await Promise.all(asking)).filter(lock => lock !== undefined);
    assert.equal(taken.length, 1);
  },
  'grants the locks of different keys at the same time': async ({ store, key }) => {
    await lockOf(store, key);
    await lockOf(store, `${key}:2`);
  },
  'grants a lock again once it is released, with a higher fence': async ({ store, key }) => {
    const first = await lockOf(store, key);
    await assertLocked(store, key);
    await first.release();
    const second = await lockOf(store, key);
    assert.ok(second.fence > first.fence, `${second.fence} after ${first.fence}`);
  },
  'grants a lock again once it has expired, with a higher fence': async kit => {
    const [first, second] = await lockTwice(kit);
    assert.ok(Number(second?.fence) > Number(first?.fence), 'the fence of a later lock is higher');
  },
  'does not release the lock of a later holder': async kit => {
    const [first] = await lockTwice(kit);
    await first?.release();
    await assertLocked(kit.store, kit.key);
  },
  'tolerates a second release, which releases no other lock': async ({ store, key }) => {
    const lock = await lockOf(store, key);
    await lock.release();
    await lockOf(store, key);
    await lock.release();
    await assertLocked(store, key);
  },
  'refuses the token of a holder whose lock another one has taken': async kit => {
    const { store, key } = kit;
    const [first, second] = await lockTwice(kit);
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(await store.set(key, tokenOf('late'), first), false);
    assert.equal(await store.get(key), undefined);
    assert.equal(await store.set(key, tokenOf('token'), second), true);
    assert.equal(await store.set(key, tokenOf('late'), first), false);
    await assertHeld(store, key, 'token');
  },
  'refuses it even when the later lock has been released': async kit => {
    const { store, key } = kit;
    const [first, second] = await lockTwice(kit);
    assert.ok(first !== undefined && second !== undefined);
    await store.set(key, tokenOf('token'), second);
    await second.release();
    assert.equal(await store.set(key, tokenOf('late'), first), false);
    await assertHeld(store, key, 'token');
  },
  'accepts the token of a holder that has released its lock, if no other was taken': async kit => {
    const { store, key } = kit;
    const lock = await lockOf(store, key);
    await lock.release();
    assert.equal(await store.set(key, tokenOf('token'), lock), true);
    await assertHeld(store, key, 'token');
  },
};

const CASES: CaseTable<TokenKit> = { ...TOKEN_CASES, ...LOCK_CASES };

const SHARED_CASES: CaseTable<TokenKit> = {
  'shares tokens with a store of the same name': async ({ store, key, openSecond }) => {
    const second = await openSecond();
    await store.set(key, tokenOf('token'), await lockOf(store, key));
    await assertHeld(second, key, 'token');
  },
  'shares locks with a store of the same name': async ({ store, key, openSecond }) => {
    const second = await openSecond();
    const first = await lockOf(store, key);
    await assertLocked(second, key);
    await first.release();
    const later = await lockOf(second, key);
    assert.ok(later.fence > first.fence, `${later.fence} after ${first.fence}`);
    assert.equal(await store.set(key, tokenOf('late'), first), false);
  },
};
