import { describe, expect, it, jest } from '@jest/globals';
import type { ResolvedCustomAuth } from '../../../../lib/options/resolved-options.js';
import { getCustomToken } from '../../../../lib/wechat/tokens/token-fetcher.js';
import { everythingShownBy, failureOf } from '../../support/failures.js';
import { NEVER } from '../../support/server.js';

const UNWANTED = { rejected: 'a-refused-token', held: undefined };

const get = (
  getToken: ResolvedCustomAuth['getToken'],
  signal = NEVER,
): ReturnType<typeof getCustomToken> =>
  getCustomToken({ type: 'custom', appid: 'wx1', getToken }, UNWANTED, signal);

const GOOD = { accessToken: 't', expiresInSeconds: 60 };

describe('getCustomToken', () => {
  it.each([
    ['a value', () => GOOD],
    ['a promise', () => Promise.resolve(GOOD)],
    ['more than is needed', () => ({ ...GOOD, scope: 'all' })],
  ])('accepts %s', async (_, getToken) => {
    await expect(get(getToken)).resolves.toEqual(GOOD);
  });

  it.each([
    [undefined],
    [null],
    [''],
    ['a-secret-token\n'],
    ['a-secret-token of two words'],
    ['a-secret-token-ü'],
    [`a-secret-token${'x'.repeat(4_083)}`],
    [['a-secret-token']],
    [{}],
    [{ ...GOOD, accessToken: 'a-secret-token\0' }],
    [{ ...GOOD, accessToken: '' }],
    [{ ...GOOD, accessToken: 7 }],
    [{ accessToken: 'a-secret-token' }],
    [{ accessToken: 'a-secret-token', expiresInSeconds: 0 }],
    [{ accessToken: 'a-secret-token', expiresInSeconds: Infinity }],
    [{ accessToken: 'a-secret-token', expiresInSeconds: '60' }],
    [{ access_token: 'a-secret-token', expires_in: 60 }],
  ])('rejects %j without showing it', async given => {
    const error = await failureOf(get(() => given));
    expect(error).toMatchObject({ code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE', retryable: false });
    expect(everythingShownBy(error)).not.toContain('a-secret-token');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('server down');
      },
    ],
    ['rejects', () => Promise.reject(new Error('server down'))],
  ])('reports a function that %s as retryable', async (_, getToken) => {
    expect(await failureOf(get(getToken))).toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
      retryable: true,
      cause: { message: 'server down' },
    });
  });

  it('counts a string without a lifetime for a minute', async () => {
    await expect(get(async () => 'a-token')).resolves.toEqual({
      accessToken: 'a-token',
      expiresInSeconds: 60,
    });
  });

  it('tells the function the AppID and the token that WeChat refused', async () => {
    const getToken = jest.fn<ResolvedCustomAuth['getToken']>(() => 'another-token');
    await get(getToken);
    expect(getToken).toHaveBeenCalledWith({ appid: 'wx1', rejected: 'a-refused-token' });
  });

  it('passes on no request and no token in an error of the function', async () => {
    const failure = Object.assign(
      new Error('GET /token?component_access_token=a-secret-token: a-refused-token is known'),
      { config: { headers: { authorization: 'a-secret-token' } } },
    );
    const error = await failureOf(get(() => Promise.reject(failure)));
    expect(error).toMatchObject({ cause: { message: expect.stringContaining('is known') } });
    expect(everythingShownBy(error)).not.toMatch(/a-secret-token|a-refused-token/);
  });

  it('times out a function that never returns', async () => {
    const caller = new AbortController();
    const token = get(() => new Promise(() => {}), caller.signal);
    caller.abort(new Error('gave up'));
    await expect(token).rejects.toThrow('gave up');
  });
});
