import { describe, expect, it } from '@jest/globals';
import { type ResolvedTokenCallAuth, Secret } from '../../../../lib/options/resolved-options.js';
import { fetchAccessToken } from '../../../../lib/wechat/tokens/token-fetcher.js';
import { JsonApi } from '../../../../lib/wechat/wechat-api.js';
import { everythingShownBy, failureOf } from '../../support/failures.js';
import {
  NEVER,
  onlyOf,
  openTransport,
  type SeenRequest,
  serveResponse,
} from '../../support/server.js';

const APP_SECRET = 'the/App+Secret&Va1ue';
const kinds = ['stable-token', 'access-token'] as const;

function authOf(type: ResolvedTokenCallAuth['type']): ResolvedTokenCallAuth {
  return { type, appid: 'wx0123456789abcdef', secret: new Secret(APP_SECRET), store: undefined };
}

async function fetchResponse(
  type: ResolvedTokenCallAuth['type'],
  body: string,
  status = 200,
): Promise<{ token: Promise<unknown>; requests: SeenRequest[] }> {
  const { url, requests } = await serveResponse(body, { status });
  const api = new JsonApi(openTransport(), url);
  return { token: fetchAccessToken(api, authOf(type), NEVER), requests };
}

const GOOD = '{"access_token":"t","expires_in":7200}';

describe('fetchAccessToken', () => {
  it('posts the stable token call as JSON without a query', async () => {
    const { token, requests } = await fetchResponse('stable-token', GOOD);
    await expect(token).resolves.toEqual({ accessToken: 't', expiresInSeconds: 7_200 });
    expect(onlyOf(requests)).toMatchObject({ method: 'POST', url: '/cgi-bin/stable_token' });
    expect(JSON.parse(onlyOf(requests).body.toString())).toEqual({
      grant_type: 'client_credential',
      appid: 'wx0123456789abcdef',
      secret: APP_SECRET,
    });
  });

  it('sends the classic token call with everything in the query', async () => {
    const { token, requests } = await fetchResponse('access-token', GOOD);
    await expect(token).resolves.toEqual({ accessToken: 't', expiresInSeconds: 7_200 });
    const address = new URL(onlyOf(requests).url, 'http://x');
    expect([onlyOf(requests).method, address.pathname]).toEqual(['GET', '/cgi-bin/token']);
    expect(Object.fromEntries(address.searchParams)).toEqual({
      grant_type: 'client_credential',
      appid: 'wx0123456789abcdef',
      secret: APP_SECRET,
    });
  });

  it.each(kinds)('reports a rejected secret of a %s call', async type => {
    const body = JSON.stringify({ errcode: 40001, errmsg: `invalid ${APP_SECRET} rid: 1-2` });
    const { token } = await fetchResponse(type, body);
    const error = await failureOf(token);
    expect(error).toMatchObject({ code: 'WX_CLOUD_CREDENTIAL_REFUSED', requestId: '1-2' });
    expect(everythingShownBy(error)).not.toContain(APP_SECRET);
  });

  it.each(
    kinds.flatMap(type => [
      [type, 'no token', '{"expires_in":7200}'],
      [type, 'an empty token', '{"access_token":"","expires_in":7200}'],
      [type, 'no life', `{"access_token":"${APP_SECRET}"}`],
      [type, 'no life left', `{"access_token":"${APP_SECRET}","expires_in":0}`],
      [type, 'a list', `["${APP_SECRET}"]`],
    ]),
  )('rejects a %s response with %s without showing it', async (type, _, body) => {
    const { token } = await fetchResponse(type as ResolvedTokenCallAuth['type'], String(body));
    const error = await failureOf(token);
    expect(error).toMatchObject({ code: 'WX_CLOUD_RESPONSE_MALFORMED' });
    expect(everythingShownBy(error)).not.toContain(APP_SECRET);
  });

  it.each(kinds)(
    'keeps the secret out of the error when a gateway echoes a %s call',
    async type => {
      const { token } = await fetchResponse(type, `<p>you sent secret ${APP_SECRET}</p>`, 502);
      const error = await failureOf(token);
      expect(error).toMatchObject({ code: 'WX_CLOUD_API_FAILED', retryable: true });
      expect(everythingShownBy(error)).not.toContain(APP_SECRET);
    },
  );
});
