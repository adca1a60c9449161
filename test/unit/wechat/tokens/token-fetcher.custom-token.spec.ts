import { describe, expect, it } from '@jest/globals';
import type { ResolvedCustomAuth } from '../../../../lib/options/resolved-options.js';
import { getCustomToken } from '../../../../lib/wechat/tokens/token-fetcher.js';
import { everythingShownBy, failureOf } from '../../support/failures.js';
import { NEVER } from '../../support/server.js';

const get = (getToken: () => unknown, signal = NEVER): ReturnType<typeof getCustomToken> =>
  getCustomToken({ type: 'custom', getToken: getToken as ResolvedCustomAuth['getToken'] }, signal);

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
    ['a-secret-token'],
    [{}],
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

  it('times out a function that never returns', async () => {
    const caller = new AbortController();
    const token = get(() => new Promise(() => {}), caller.signal);
    caller.abort(new Error('gave up'));
    await expect(token).rejects.toThrow('gave up');
  });
});
