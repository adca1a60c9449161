import { getEventListeners } from 'node:events';
import { describe, expect, it, jest } from '@jest/globals';
import { WxCloudStorageError } from '../../../../lib/errors/errors.js';
import type { AccessToken } from '../../../../lib/wechat/endpoints.js';
import { AccessTokenCache } from '../../../../lib/wechat/tokens/access-token-cache.js';
import { TokenCell } from '../../../../lib/wechat/tokens/token-cell.js';
import type { TokensToReplace } from '../../../../lib/wechat/tokens/token-fetcher.js';

interface Setup {
  readonly cache: AccessTokenCache;
  readonly fetchToken: jest.Mock<(unwanted: TokensToReplace) => Promise<AccessToken>>;
  /** Moves the clock to a second. */
  at(second: number): void;
}

/** A cache whose fetches return t1, t2, … on a clock that stands still. */
function setUp(expiresInSeconds = 7_200): Setup {
  let nowMs = 0;
  let count = 0;
  const fetchToken = jest.fn<(unwanted: TokensToReplace) => Promise<AccessToken>>(() => {
    count += 1;
    return Promise.resolve({ accessToken: `t${count}`, expiresInSeconds });
  });
  const cache = new AccessTokenCache({
    fetchToken,
    nowMs: () => nowMs,
    random: () => 0,
    patienceMs: 0,
  });
  return { cache, fetchToken, at: second => (nowMs = second * 1_000) };
}

const failed = new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message: 'busy' });

/** Lets a background renewal finish. */
const backgroundWork = (): Promise<void> => new Promise(resolve => void setImmediate(resolve));

describe('AccessTokenCache', () => {
  it('fetches nothing before the first call', () => {
    expect(setUp().fetchToken).not.toHaveBeenCalled();
  });

  it('makes one fetch for fifty callers at once, and none for a later one', async () => {
    const { cache, fetchToken } = setUp();
    const tokens = await Promise.all(Array.from({ length: 50 }, () => cache.get()));
    expect(new Set(tokens)).toEqual(new Set(['t1']));
    await expect(cache.get()).resolves.toBe('t1');
    expect(fetchToken).toHaveBeenCalledTimes(1);
  });

  it('rejects all waiting callers with a failed fetch, and does not remember it', async () => {
    const { cache, fetchToken } = setUp();
    fetchToken.mockRejectedValueOnce(failed);
    const settled = await Promise.allSettled([cache.get(), cache.get(), cache.get()]);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(cache.get()).resolves.toBe('t1');
    expect(fetchToken).toHaveBeenCalledTimes(2);
  });

  it('does not remember a fetch that throws synchronously', async () => {
    const { cache, fetchToken } = setUp();
    fetchToken.mockImplementationOnce(() => {
      throw failed;
    });
    await expect(cache.get()).rejects.toBe(failed);
    await expect(cache.get()).resolves.toBe('t1');
  });

  it.each([
    [
      'five minutes before the end of a long life',
      { lifeSeconds: 7_200, before: 6_899, after: 6_900 },
    ],
    ['five minutes before the end of ten minutes', { lifeSeconds: 600, before: 299, after: 300 }],
    ['half-way through a short life', { lifeSeconds: 300, before: 149, after: 150 }],
    ['half-way through one second', { lifeSeconds: 1, before: 0.499, after: 0.5 }],
  ])('renews a token %s', async (_, { lifeSeconds, before, after }) => {
    const { cache, at } = setUp(lifeSeconds);
    await cache.get();
    at(before);
    await expect(cache.get()).resolves.toBe('t1');
    at(after);
    await expect(cache.get()).resolves.toBe('t1');
    await backgroundWork();
    await expect(cache.get()).resolves.toBe('t2');
  });

  it('keeps no caller waiting for a renewal', async () => {
    const { cache, fetchToken, at } = setUp();
    await cache.get();
    at(7_000);
    fetchToken.mockReturnValueOnce(new Promise(() => {}));
    await expect(cache.get()).resolves.toBe('t1');
    expect(fetchToken).toHaveBeenCalledTimes(2);
  });

  it('pauses for 30 seconds after a failed renewal', async () => {
    const { cache, fetchToken, at } = setUp();
    await cache.get();
    fetchToken.mockRejectedValue(failed);
    at(7_000);
    await cache.get();
    await backgroundWork();
    at(7_029);
    await cache.get();
    expect(fetchToken).toHaveBeenCalledTimes(2);
    at(7_030);
    await cache.get();
    expect(fetchToken).toHaveBeenCalledTimes(3);
  });

  it('reports a failed renewal, which no caller notices', async () => {
    let nowMs = 0;
    const onRenewalFailed = jest.fn<(error: unknown) => void>();
    const fetchToken = jest.fn(() => Promise.resolve({ accessToken: 't', expiresInSeconds: 600 }));
    const cache = new AccessTokenCache({ fetchToken, nowMs: () => nowMs, onRenewalFailed });
    await cache.get();
    fetchToken.mockRejectedValue(failed);
    nowMs = 599_000;
    await expect(cache.get()).resolves.toBe('t');
    await backgroundWork();
    expect(onRenewalFailed.mock.calls).toEqual([[failed]]);
  });

  it('makes one renewal for fifty callers at once', async () => {
    const { cache, fetchToken, at } = setUp();
    await cache.get();
    at(7_000);
    await Promise.all(Array.from({ length: 50 }, () => cache.get()));
    expect(fetchToken).toHaveBeenCalledTimes(2);
  });

  it('counts the life of a token from the response, not from the request', async () => {
    const { cache, fetchToken, at } = setUp();
    fetchToken.mockImplementationOnce(() => {
      at(1_000);
      return Promise.resolve({ accessToken: 'slow', expiresInSeconds: 600 });
    });
    await cache.get();
    at(1_299);
    await expect(cache.get()).resolves.toBe('slow');
    expect(fetchToken).toHaveBeenCalledTimes(1);
    at(1_300);
    await cache.get();
    expect(fetchToken).toHaveBeenCalledTimes(2);
  });

  it('serves the old token until its end while renewals fail', async () => {
    const { cache, fetchToken, at } = setUp();
    await cache.get();
    fetchToken.mockRejectedValue(failed);
    at(7_000);
    await expect(cache.get()).resolves.toBe('t1');
    at(7_199);
    await expect(cache.get()).resolves.toBe('t1');
    at(7_200);
    await expect(cache.get()).rejects.toBe(failed);
  });

  it('does not serve an old token that was rejected during its renewal', async () => {
    const { cache, fetchToken, at } = setUp();
    await cache.get();
    at(7_000);
    fetchToken.mockRejectedValueOnce(failed);
    await cache.get();
    cache.invalidate('t1');
    await expect(cache.get()).rejects.toBe(failed);
  });

  it('fetches another token after the held one was rejected', async () => {
    const { cache } = setUp();
    cache.invalidate(await cache.get());
    await expect(cache.get()).resolves.toBe('t2');
  });

  it.each(['t0', '', 'T1', 't1 '])(
    'keeps its token when another one, %p, was rejected',
    async other => {
      const { cache, fetchToken } = setUp();
      await cache.get();
      cache.invalidate(other);
      await expect(cache.get()).resolves.toBe('t1');
      expect(fetchToken).toHaveBeenCalledTimes(1);
    },
  );

  it('renews once when fifty callers report the same token', async () => {
    const { cache, fetchToken } = setUp();
    await cache.get();
    const report = async (): Promise<string> => {
      cache.invalidate('t1');
      return cache.get();
    };
    const tokens = await Promise.all(Array.from({ length: 50 }, report));
    expect(new Set(tokens)).toEqual(new Set(['t2']));
    cache.invalidate('t1');
    await expect(cache.get()).resolves.toBe('t2');
    expect(fetchToken).toHaveBeenCalledTimes(2);
  });

  it('stops waiting for the caller that aborts, not the fetch of the others', async () => {
    const { cache, fetchToken } = setUp();
    const caller = new AbortController();
    const [aborting, waiting] = [cache.get(caller.signal), cache.get()];
    caller.abort(new Error('gave up'));
    await expect(aborting).rejects.toThrow('gave up');
    await expect(waiting).resolves.toBe('t1');
    expect(fetchToken).toHaveBeenCalledTimes(1);
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });

  it('fetches nothing for a caller that has already aborted', async () => {
    const { cache, fetchToken } = setUp();
    await expect(cache.get(AbortSignal.abort(new Error('gave up')))).rejects.toThrow('gave up');
    expect(fetchToken).not.toHaveBeenCalled();
  });

  it('renews up to a minute later at random, so that replicas do not renew together', async () => {
    let nowMs = 0;
    const fetchToken = jest.fn(() =>
      Promise.resolve({ accessToken: 't', expiresInSeconds: 7_200 }),
    );
    const cache = new AccessTokenCache({ fetchToken, nowMs: () => nowMs, random: () => 0.5 });
    await cache.get();
    nowMs = 6_929_000;
    await cache.get();
    expect(fetchToken).toHaveBeenCalledTimes(1);
    nowMs = 6_930_000;
    await cache.get();
    expect(fetchToken).toHaveBeenCalledTimes(2);
  });

  it('makes few fetches in an outage of ten minutes, however many calls arrive', async () => {
    const { cache, fetchToken, at } = setUp();
    fetchToken.mockRejectedValue(failed);
    for (let second = 0; second < 600; second += 0.25) {
      at(second);
      await Promise.allSettled([cache.get(), cache.get()]);
    }
    expect(fetchToken.mock.calls.length).toBeGreaterThan(10);
    expect(fetchToken.mock.calls.length).toBeLessThan(20);

    fetchToken.mockResolvedValue({ accessToken: 'back', expiresInSeconds: 7_200 });
    at(661);
    await expect(cache.get()).resolves.toBe('back');
  });

  it('fails at once with the code of the last failure while the next fetch has to wait', async () => {
    const { cache, fetchToken, at } = setUp();
    const refused = new WxCloudStorageError({
      code: 'WX_CLOUD_CREDENTIAL_REFUSED',
      message: 'Check the AppSecret.',
      errcode: 40125,
      endpoint: '/cgi-bin/stable_token',
    });
    fetchToken.mockRejectedValue(refused);
    await Promise.allSettled([cache.get()]);
    await Promise.allSettled([cache.get()]);
    await expect(cache.get()).rejects.toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_REFUSED',
      errcode: 40125,
      endpoint: '/cgi-bin/stable_token',
      message: expect.stringContaining('the next attempt is in 1 s'),
      cause: refused,
    });
    expect(fetchToken).toHaveBeenCalledTimes(2);
    at(1);
    await expect(cache.get()).rejects.toBe(refused);
    expect(fetchToken).toHaveBeenCalledTimes(3);
  });

  it('remembers failures that every instance would have for one that is opened again', async () => {
    const clock = (): number => 0;
    const cell = new TokenCell(clock);
    const refused = new WxCloudStorageError({
      code: 'WX_CLOUD_CREDENTIAL_REFUSED',
      message: 'refused',
      errcode: 40125,
    });
    const fetchToken = jest.fn(() => Promise.reject<AccessToken>(refused));
    const membership = { cell, leave: () => {} };
    const openAgain = () =>
      new AccessTokenCache({ fetchToken, nowMs: clock, patienceMs: 0, membership });
    for (let round = 0; round < 30; round += 1) {
      await expect(openAgain().get()).rejects.toMatchObject({ errcode: 40125 });
    }
    expect(fetchToken).toHaveBeenCalledTimes(2);
  });

  it('lets no other instance wait for failures of its own connections', async () => {
    const clock = (): number => 0;
    const membership = { cell: new TokenCell(clock), leave: () => {} };
    const broken = jest.fn(() => Promise.reject<AccessToken>(failed));
    const works = jest.fn(async () => ({ accessToken: 't', expiresInSeconds: 60 }));
    const parts = { nowMs: clock, patienceMs: 0, membership };
    const one = new AccessTokenCache({ ...parts, fetchToken: broken });
    for (let round = 0; round < 5; round += 1) await expect(one.get()).rejects.toThrow('busy');
    await expect(new AccessTokenCache({ ...parts, fetchToken: works }).get()).resolves.toBe('t');
    expect(broken).toHaveBeenCalledTimes(2);
  });

  it('lets callers wait for a short pause rather than fail', async () => {
    const fetchToken = jest.fn(() => Promise.resolve({ accessToken: 't', expiresInSeconds: 60 }));
    fetchToken.mockRejectedValueOnce(failed).mockRejectedValueOnce(failed);
    const cache = new AccessTokenCache({ fetchToken });
    await Promise.allSettled([cache.get()]);
    await Promise.allSettled([cache.get()]);
    const caller = new AbortController();
    const [aborting, waiting, too] = [cache.get(caller.signal), cache.get(), cache.get()];
    caller.abort(new Error('gave up'));
    await expect(aborting).rejects.toThrow('gave up');
    await expect(waiting).resolves.toBe('t');
    await expect(too).resolves.toBe('t');
    expect(fetchToken).toHaveBeenCalledTimes(3);
  });

  it('fetches few tokens while every new one is rejected', async () => {
    const { cache, fetchToken, at } = setUp();
    for (let second = 0; second < 600; second += 0.25) {
      at(second);
      const [result] = await Promise.allSettled([cache.get()]);
      [result]
        .filter(({ status }) => status === 'fulfilled')
        .forEach(() => cache.invalidate(`t${fetchToken.mock.calls.length}`));
    }
    expect(fetchToken.mock.calls.length).toBeGreaterThan(10);
    expect(fetchToken.mock.calls.length).toBeLessThan(25);
    await expect(cache.get()).rejects.toMatchObject({ code: 'WX_CLOUD_TOKEN_REJECTED' });
  });

  it('passes the last rejected token to the next fetch', async () => {
    const { cache, fetchToken } = setUp();
    cache.invalidate(await cache.get());
    await cache.get();
    expect(fetchToken.mock.calls).toEqual([
      [{ rejected: undefined, held: undefined }],
      [{ rejected: 't1', held: undefined }],
    ]);
  });

  it('resets the count of rejections once a token was accepted', async () => {
    const { cache, fetchToken } = setUp();
    for (let count = 0; count < 20; count += 1) {
      cache.invalidate(await cache.get());
      await cache.get();
      cache.confirm();
    }
    expect(fetchToken).toHaveBeenCalledTimes(21);
  });

  it('shows no token in an inspection', async () => {
    const { cache, fetchToken } = setUp();
    fetchToken.mockResolvedValueOnce({ accessToken: 'a-hidden-token', expiresInSeconds: 60 });
    await cache.get();
    const { inspect } = await import('node:util');
    expect(inspect(cache, { depth: Infinity, showHidden: false })).not.toContain('a-hidden-token');
    expect(JSON.stringify(cache)).toBe('{}');
  });
});
