import { describe, expect, it, jest } from '@jest/globals';
import type { AccessToken } from '../../../lib/wechat/endpoints.js';
import { AccessTokenCache } from '../../../lib/wechat/tokens/access-token-cache.js';
import {
  AuthorizedApi,
  JsonApi,
  openApiCredential,
  tokenCredential,
} from '../../../lib/wechat/wechat-api.js';
import { everythingShownBy, failureOf } from '../support/failures.js';
import { NEVER, onlyOf, openTransport, serve, serveResponse } from '../support/server.js';

const post = (api: AuthorizedApi): Promise<unknown> =>
  api.post('/tcb/uploadfile', { env: 'e' }, NEVER);

interface Setup {
  readonly api: AuthorizedApi;
  readonly fetchToken: jest.Mock<() => Promise<AccessToken>>;
  /** The tokens of the requests, in their order. */
  readonly seen: string[];
}

/** A server with an errcode for each token (0 by default); tokens are token-1, token-2, … */
async function setUp(errcodes: Readonly<Record<string, number>>): Promise<Setup> {
  const seen: string[] = [];
  const url = await serve((request, response) => {
    const address = new URL(request.url ?? '', 'http://x');
    const token = address.searchParams.get('access_token') ?? 'none';
    seen.push(token);
    request.resume();
    response.end(JSON.stringify({ errcode: errcodes[token] ?? 0, errmsg: `for ${token}` }));
  });
  let count = 0;
  const fetchToken = jest.fn<() => Promise<AccessToken>>(() => {
    count += 1;
    return Promise.resolve({ accessToken: `token-${count}`, expiresInSeconds: 7_200 });
  });
  const credential = tokenCredential(new AccessTokenCache({ fetchToken }));
  return {
    api: new AuthorizedApi(new JsonApi(openTransport(), url), credential),
    fetchToken,
    seen,
  };
}

describe('AuthorizedApi', () => {
  it('puts the token into the query', async () => {
    const { api, seen, fetchToken } = await setUp({});
    await expect(post(api)).resolves.toMatchObject({ errcode: 0 });
    await post(api);
    expect(seen).toEqual(['token-1', 'token-1']);
    expect(fetchToken).toHaveBeenCalledTimes(1);
  });

  it.each([40001, 40014, 42001])('renews the token and retries once after %d', async errcode => {
    const { api, seen, fetchToken } = await setUp({ 'token-1': errcode });
    await expect(post(api)).resolves.toMatchObject({ errcode: 0 });
    expect(seen).toEqual(['token-1', 'token-2']);
    expect(fetchToken).toHaveBeenCalledTimes(2);
  });

  it.each([-1, 40013, 40097, 41001, 42007, 45009, 48001, 85088, -501005])(
    'neither renews nor retries after %d',
    async errcode => {
      const { api, seen, fetchToken } = await setUp({ 'token-1': errcode });
      await expect(post(api)).rejects.toMatchObject({ errcode });
      expect(seen).toEqual(['token-1']);
      expect(fetchToken).toHaveBeenCalledTimes(1);
    },
  );

  it('renews once for fifty callers with the rejected token', async () => {
    const { api, seen, fetchToken } = await setUp({ 'token-1': 40001 });
    await Promise.all(Array.from({ length: 50 }, () => post(api)));
    expect(fetchToken).toHaveBeenCalledTimes(2);
    expect(seen.filter(token => token === 'token-2')).toHaveLength(50);
  });

  it('fails when the renewed token is rejected too, and shows neither', async () => {
    const { api, seen } = await setUp({ 'token-1': 40001, 'token-2': 42001 });
    const error = await failureOf(post(api));
    expect(error).toMatchObject({
      code: 'WX_CLOUD_TOKEN_REJECTED',
      errcode: 42001,
      retryable: false,
    });
    expect(everythingShownBy(error)).not.toContain('token-2');
    expect(seen).toEqual(['token-1', 'token-2']);
  });

  it('fetches a new token at the next call', async () => {
    const { api } = await setUp({ 'token-1': 40001, 'token-2': 40001 });
    await failureOf(post(api));
    await expect(post(api)).resolves.toMatchObject({ errcode: 0 });
  });

  it('rejects with the error of the token call and sends nothing', async () => {
    const { api, seen, fetchToken } = await setUp({});
    fetchToken.mockRejectedValueOnce(new Error('no token'));
    await expect(post(api)).rejects.toThrow('no token');
    expect(seen).toEqual([]);
  });

  it('rejects with the error of the renewal', async () => {
    const { api, seen, fetchToken } = await setUp({ 'token-1': 42001 });
    fetchToken.mockResolvedValueOnce({ accessToken: 'token-1', expiresInSeconds: 60 });
    fetchToken.mockRejectedValueOnce(new Error('no renewal'));
    await expect(post(api)).rejects.toThrow('no renewal');
    expect(seen).toEqual(['token-1']);
  });
});

describe('AuthorizedApi with another credential', () => {
  const queryOf = async (
    credential: ConstructorParameters<typeof AuthorizedApi>[1],
  ): Promise<Record<string, string>> => {
    const { url, requests } = await serveResponse('{"errcode":0}');
    const api = new AuthorizedApi(new JsonApi(openTransport(), url), credential);
    await post(api);
    const { searchParams } = new URL(onlyOf(requests).url, 'http://x');
    return Object.fromEntries(searchParams);
  };

  it('sends the token of a container under its own name', async () => {
    const tokens = new AccessTokenCache({
      fetchToken: () => Promise.resolve({ accessToken: 'mounted', expiresInSeconds: 60 }),
    });
    const credential = tokenCredential(tokens, 'cloudbase_access_token');
    expect(await queryOf(credential)).toEqual({ cloudbase_access_token: 'mounted' });
  });

  it('sends no token to the open API service, and the AppID only when one is named', async () => {
    expect(await queryOf(openApiCredential(undefined))).toEqual({});
    expect(await queryOf(openApiCredential('wx1'))).toEqual({ from_appid: 'wx1' });
  });

  it('calls the open API service once, even when it reports a token error', async () => {
    const { url, requests } = await serveResponse('{"errcode":42001,"errmsg":"expired"}');
    const api = new AuthorizedApi(new JsonApi(openTransport(), url), openApiCredential(undefined));
    await expect(post(api)).rejects.toMatchObject({ errcode: 42001 });
    expect(requests).toHaveLength(1);
  });
});
