import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RareWarnings } from '../../../../lib/diagnostics.js';
import { type ResolvedTokenCallAuth, Secret } from '../../../../lib/options/resolved-options.js';
import type { AccessTokenStore, WxStoredAccessToken } from '../../../../lib/options/options.js';
import type { AccessToken } from '../../../../lib/wechat/endpoints.js';
import {
  SharedTokenFetcher,
  tokenOwner,
} from '../../../../lib/wechat/tokens/shared-token-fetcher.js';
import { TokenCell } from '../../../../lib/wechat/tokens/token-cell.js';
import type { TokensToReplace } from '../../../../lib/wechat/tokens/token-fetcher.js';
import { until } from '../../../support/until.js';
import { NEVER } from '../../support/server.js';

const KEY = 'wx1:access-token:mark';
const NONE: TokensToReplace = { rejected: undefined, held: undefined };
const LIFE_MS = 7_200_000;

/** A store in this process, whose methods tests can break. */
class MemoryStore implements AccessTokenStore {
  token: WxStoredAccessToken | undefined;
  fence = 0;
  isLocked = false;

  get = jest.fn<AccessTokenStore['get']>(() => Promise.resolve(this.token));

  set = jest.fn<AccessTokenStore['set']>((_, token, { fence }) => {
    const isCurrent = fence === this.fence;
    this.token = isCurrent ? token : this.token;
    return Promise.resolve(isCurrent);
  });

  lock = jest.fn<AccessTokenStore['lock']>(() => {
    const isFree = !this.isLocked;
    this.isLocked = true;
    this.fence += Number(isFree);
    const release = (): Promise<void> => {
      this.isLocked = false;
      return Promise.resolve();
    };
    return Promise.resolve(isFree ? { fence: this.fence, release } : undefined);
  });
}

let nowMs: number;
let store: MemoryStore;
let warnings: string[];
let count: number;
const fetchToken =
  jest.fn<(unwanted: TokensToReplace, signal: AbortSignal) => Promise<AccessToken>>();

beforeEach(() => {
  [nowMs, count] = [0, 0];
  store = new MemoryStore();
  warnings = [];
  fetchToken.mockReset();
  fetchToken.mockImplementation(() => {
    count += 1;
    return Promise.resolve({ accessToken: `fetched-${count}`, expiresInSeconds: 7_200 });
  });
});

const clock = (): number => nowMs;
const logger = { warn: (message: string) => void warnings.push(message) };
const makeFetcher = (cell = new TokenCell(clock)): SharedTokenFetcher =>
  new SharedTokenFetcher({
    store,
    key: KEY,
    cell,
    fetchToken,
    nowMs: clock,
    warnings: new RareWarnings(logger, clock, store),
  });
const fetchOne = async (unwanted = NONE, fetcher = makeFetcher()): Promise<string> =>
  (await fetcher.fetch(unwanted, NEVER)).accessToken;

describe('SharedTokenFetcher with a store', () => {
  it('fetches in one of fifty processes and shares the token with its life', async () => {
    const tokens = await Promise.all(Array.from({ length: 50 }, () => fetchOne()));
    expect(new Set(tokens)).toEqual(new Set(['fetched-1']));
    expect(fetchToken).toHaveBeenCalledTimes(1);
    expect(store.token).toEqual({ accessToken: 'fetched-1', expiresInMs: LIFE_MS });
    expect(store.lock).toHaveBeenCalledWith(KEY, 15_000);
    expect(store.isLocked).toBe(false);
    expect(warnings).toEqual([]);
  });

  it("takes over another process's token with its remaining life", async () => {
    store.token = { accessToken: 'theirs', expiresInMs: 60_500 };
    nowMs = 7;
    expect(await makeFetcher().fetch(NONE, NEVER)).toEqual({
      accessToken: 'theirs',
      expiresInSeconds: 60.5,
      sinceMs: 7,
    });
    expect(store.lock).not.toHaveBeenCalled();
  });

  it.each([
    ['was refused', { rejected: 'theirs', held: undefined }, LIFE_MS],
    ['is the one to be renewed', { rejected: undefined, held: 'theirs' }, LIFE_MS],
    ['lives for less than ten seconds', NONE, 9_999],
  ])('replaces a token that %s', async (_, unwanted, expiresInMs) => {
    store.token = { accessToken: 'theirs', expiresInMs };
    expect(await fetchOne(unwanted)).toBe('fetched-1');
    expect(fetchToken).toHaveBeenCalledWith(unwanted, NEVER);
  });

  it('waits while another process fetches, and takes its token', async () => {
    store.isLocked = true;
    const waiting = fetchOne();
    await until(() => store.lock.mock.calls.length > 1, 'a second look');
    store.token = { accessToken: 'theirs', expiresInMs: LIFE_MS };
    expect(await waiting).toBe('theirs');
    expect(fetchToken).not.toHaveBeenCalled();
  });

  it('fetches when the other process has stored nothing', async () => {
    store.isLocked = true;
    const waiting = fetchOne();
    await until(() => store.lock.mock.calls.length > 1, 'a second look');
    store.isLocked = false;
    expect(await waiting).toBe('fetched-1');
  });

  it('releases the lock when the fetch fails', async () => {
    fetchToken.mockRejectedValueOnce(new Error('WeChat is down'));
    await expect(fetchOne()).rejects.toThrow('WeChat is down');
    expect(store.isLocked).toBe(false);
    expect(await fetchOne()).toBe('fetched-1');
  });

  it('stops waiting when the signal is aborted', async () => {
    store.isLocked = true;
    const caller = new AbortController();
    const waiting = makeFetcher().fetch(NONE, caller.signal);
    caller.abort(new Error('gave up'));
    await expect(waiting).rejects.toThrow('gave up');
  });
});

describe('SharedTokenFetcher with a token rejected for a newer lock', () => {
  const refuseOnce = (): void => {
    store.set.mockImplementationOnce(() => {
      store.isLocked = true;
      store.fence += 1;
      return Promise.resolve(false);
    });
    store.lock.mockImplementationOnce(() =>
      Promise.resolve({ fence: store.fence, release: () => Promise.resolve() }),
    );
  };

  it('uses the token of that process once it is stored', async () => {
    refuseOnce();
    const waiting = fetchOne();
    await until(() => store.lock.mock.calls.length > 1, 'a second look');
    store.token = { accessToken: 'theirs', expiresInMs: LIFE_MS };
    expect(await waiting).toBe('theirs');
    expect(fetchToken).toHaveBeenCalledTimes(1);
  });

  it('fetches another one when that process stores none', async () => {
    refuseOnce();
    const waiting = fetchOne();
    await until(() => store.lock.mock.calls.length > 1, 'a second look');
    store.isLocked = false;
    expect(await waiting).toBe('fetched-2');
    expect(store.token).toMatchObject({ accessToken: 'fetched-2' });
  });

  it.each(['get', 'lock'] as const)('uses the rejected one when %s fails then', async method => {
    refuseOnce();
    const waiting = fetchOne();
    await until(() => fetchToken.mock.calls.length === 1, 'the fetch');
    store[method].mockRejectedValue(new Error('gone'));
    expect(await waiting).toBe('fetched-1');
    expect(fetchToken).toHaveBeenCalledTimes(1);
  });

  it('uses a second one although it is rejected too', async () => {
    store.set.mockResolvedValue(false);
    expect(await fetchOne()).toBe('fetched-2');
    expect(fetchToken).toHaveBeenCalledTimes(2);
  });
});

describe('SharedTokenFetcher with a failing store', () => {
  const failing = (): Promise<never> => Promise.reject(new Error('redis://user:hidden@host'));

  it.each(['get', 'lock'] as const)(
    'fetches without the store and avoids it for five seconds when it fails in %s',
    async method => {
      store[method].mockImplementation(failing);
      const fetcher = makeFetcher();
      expect(await fetchOne(NONE, fetcher)).toBe('fetched-1');
      nowMs = 4_999;
      const { length } = store.get.mock.calls;
      expect(await fetchOne(NONE, fetcher)).toBe('fetched-2');
      expect(store.get).toHaveBeenCalledTimes(length);
      nowMs = 5_000;
      store[method].mockReset();
      store.get.mockResolvedValue({ accessToken: 'theirs', expiresInMs: LIFE_MS });
      expect(await fetchOne(NONE, fetcher)).toBe('theirs');
      expect(warnings).toEqual([
        'The store for access tokens failed. This process does without it for 5 s, and fetches a token for itself. Make sure that the store works.',
      ]);
    },
  );

  it.each(['set', 'release'])(
    'still returns the token when the store fails in %s',
    async method => {
      const { lock } = store;
      const broken = { fence: store.fence, release: failing };
      const breaks: Record<string, () => void> = {
        set: () => store.set.mockImplementation(failing),
        release: () => lock.mockResolvedValue(broken),
      };
      breaks[method]?.();
      expect(await fetchOne()).toBe('fetched-1');
      expect(warnings.join()).not.toContain('hidden');
    },
  );

  it('fetches without a store that does not respond, and releases a late lock', async () => {
    const release = jest.fn(() => Promise.resolve());
    let response: (lock: { fence: number; release: () => Promise<void> }) => void = () => {};
    store.lock.mockReturnValue(new Promise(resolve => (response = resolve)));
    expect(await fetchOne()).toBe('fetched-1');
    response({ fence: 1, release });
    await until(() => release.mock.calls.length === 1, 'the lock to be given back');
    expect(warnings).toEqual([expect.stringContaining('did not respond within 1000 ms')]);
  });

  it('fetches less and less often without the store', async () => {
    store.get.mockImplementation(failing);
    const fetcher = makeFetcher();
    const errors: unknown[] = [];
    for (let second = 0; second < 86_400; second += 10) {
      nowMs = second * 1_000;
      await fetchOne(NONE, fetcher).catch((error: unknown) => void errors.push(error));
    }
    expect(errors.length).toBeGreaterThan(8_000);
    expect(errors[0]).toMatchObject({ code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE', retryable: true });
    expect(count).toBeGreaterThan(100);
    expect(count).toBeLessThan(300);

    store.get.mockImplementation(() => Promise.resolve(store.token));
    nowMs += 5_000;
    await fetchOne(NONE, fetcher);
    expect(count).toBeLessThan(300);
  });

  it('fetches as rarely for an instance that is opened again and again', async () => {
    store.get.mockImplementation(failing);
    const cell = new TokenCell(clock);
    const errors: unknown[] = [];
    for (let round = 0; round < 30; round += 1) {
      await fetchOne(NONE, makeFetcher(cell)).catch((error: unknown) => void errors.push(error));
    }
    expect(count).toBe(4);
    expect(errors).toHaveLength(26);
    expect(store.get).toHaveBeenCalledTimes(1);
  });

  it('tells of it once a minute', async () => {
    store.get.mockImplementation(failing);
    const fetcher = makeFetcher();
    for (const second of [0, 5, 59, 60, 65]) {
      nowMs = second * 1_000;
      await fetchOne(NONE, fetcher).catch(() => {});
    }
    expect(warnings).toHaveLength(2);
  });

  it('does not count a failure of WeChat as one of the store', async () => {
    fetchToken.mockRejectedValue(new Error('WeChat is down'));
    await expect(fetchOne()).rejects.toThrow('WeChat is down');
    expect(fetchToken).toHaveBeenCalledTimes(1);
    expect(warnings).toEqual([]);
  });
});

describe('tokenOwner', () => {
  const auth: ResolvedTokenCallAuth = {
    type: 'access-token',
    appid: 'wx1',
    secret: new Secret('s'),
    store: undefined,
  };

  it.each([
    'https://api.weixin.qq.com',
    'https://api2.weixin.qq.com',
    'https://sh.api.weixin.qq.com',
    'https://SZ.api.weixin.qq.com',
    'https://hk.api.weixin.qq.com/',
  ])('is the same for all addresses of WeChat: %s', url => {
    expect(tokenOwner(auth, url)).toBe('wx1:access-token:plBESoAYiv85fOSMSCe7-y');
  });

  it('is another one for each other address', () => {
    const urls = [
      'https://api.weixin.qq.com',
      'https://api.weixin.qq.com.internal',
      'https://gateway.internal',
      'https://gateway.internal/wechat',
      'http://127.0.0.1:9100',
    ];
    const owners = urls.map(url => tokenOwner(auth, url));
    expect(new Set(owners).size).toBe(urls.length);
    expect(owners.every(owner => /^wx1:access-token:[\w-]{22}$/.test(owner))).toBe(true);
  });
});
