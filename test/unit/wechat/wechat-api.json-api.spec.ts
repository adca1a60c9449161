import { createServer } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { JsonApi, type JsonCall } from '../../../lib/wechat/wechat-api.js';
import { everythingShownBy, failureOf } from '../support/failures.js';
import { listen, NEVER, onlyOf, openTransport, serve, serveResponse } from '../support/server.js';

const TOKEN = 'To/ken+Va1ue_"1';
const SECRET = 'App-Secret-Va1ue';

const upload: JsonCall = {
  endpoint: '/tcb/uploadfile',
  method: 'POST',
  query: { access_token: TOKEN },
  body: { env: 'e', path: '照片/猫.png' },
  secrets: [SECRET],
  signal: NEVER,
};

async function callResponse(
  body: string,
  options: { status?: number; type?: string; call?: Partial<JsonCall> } = {},
): Promise<unknown> {
  const { url } = await serveResponse(body, options);
  return new JsonApi(openTransport(), url).call({ ...upload, ...options.call });
}

/** The forms in which the secrets are shown. */
function secretsShownBy(error: unknown): readonly string[] {
  const shown = everythingShownBy(error);
  const forms = [TOKEN, JSON.stringify(TOKEN).slice(1, -1), encodeURIComponent(TOKEN), SECRET];
  return forms.filter(form => shown.includes(form));
}

describe('JsonApi: the request', () => {
  it('posts JSON with the query encoded', async () => {
    const { url, requests } = await serveResponse('{}');
    await new JsonApi(openTransport(), url).call(upload);
    const seen = onlyOf(requests);
    expect(seen.method).toBe('POST');
    expect(new URL(seen.url, url).searchParams.get('access_token')).toBe(TOKEN);
    expect(seen.headers['content-type']).toBe('application/json');
    expect(JSON.parse(seen.body.toString())).toEqual(upload.body);
    expect(seen.headers['content-length']).toBe(String(seen.body.byteLength));
  });

  it('sends no body with GET and no question mark without a query', async () => {
    const { url, requests } = await serveResponse('{}');
    await new JsonApi(openTransport(), `${url}/base`).call({
      endpoint: '/cgi-bin/token',
      method: 'GET',
      query: {},
      signal: NEVER,
    });
    expect(onlyOf(requests)).toMatchObject({ method: 'GET', url: '/base/cgi-bin/token' });
    expect(onlyOf(requests).body.byteLength).toBe(0);
  });
});

describe('JsonApi: success', () => {
  it.each([
    ['no errcode', '{"access_token":"t","expires_in":7200}'],
    ['errcode 0', '{"errcode":0,"errmsg":"ok"}'],
    ['errcode "0" as a text', '{"errcode":"0","errmsg":"ok"}'],
    ['errcode null', '{"errcode":null}'],
    ['an empty object', '{}'],
    ['a byte order mark and spaces', ' \n {"a":1} \n'],
  ])('is a response with %s', async (_, body) => {
    await expect(callResponse(body)).resolves.toEqual(JSON.parse(body));
  });

  it('does not depend on the content type of the response', async () => {
    await expect(callResponse('{"a":"中"}', { type: 'text/plain' })).resolves.toEqual({ a: '中' });
  });
});

describe('JsonApi: an errcode', () => {
  it.each([
    [-1, 'WX_CLOUD_API_FAILED', true],
    [40001, 'WX_CLOUD_TOKEN_REJECTED', false],
    [40014, 'WX_CLOUD_TOKEN_REJECTED', false],
    [42001, 'WX_CLOUD_TOKEN_REJECTED', false],
    [40013, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [40125, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [40164, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [40243, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [41002, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [41004, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [48001, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [48004, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [61007, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [85105, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [85107, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [89501, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [50002, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [61004, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [89503, 'WX_CLOUD_CREDENTIAL_REFUSED', false],
    [45009, 'WX_CLOUD_QUOTA_EXCEEDED', false],
    [45011, 'WX_CLOUD_QUOTA_EXCEEDED', true],
    [85088, 'WX_CLOUD_API_FAILED', false],
    [-501001, 'WX_CLOUD_API_FAILED', true],
    [-501004, 'WX_CLOUD_API_FAILED', true],
    [-501005, 'WX_CLOUD_API_FAILED', false],
    [-503003, 'WX_CLOUD_FILE_NOT_FOUND', false],
    [47001, 'WX_CLOUD_API_FAILED', false],
    [123456, 'WX_CLOUD_API_FAILED', false],
  ])('%d with HTTP 200 is %s, retryable: %p', async (errcode, code, retryable) => {
    const body = JSON.stringify({ errcode, errmsg: 'a reason rid: 64f-1a2b-3c' });
    const error = await failureOf(callResponse(body));
    expect(error).toMatchObject({
      name: 'WxCloudStorageError',
      code,
      retryable,
      errcode,
      errmsg: 'a reason rid: 64f-1a2b-3c',
      endpoint: upload.endpoint,
      requestId: '64f-1a2b-3c',
      upstreamStatus: 200,
    });
    expect(error.message).toContain(String(errcode));
  });

  it.each([
    ['as a text', '{"errcode":"40014","errmsg":"x"}', 200],
    ['without an errmsg', '{"errcode":40014}', 200],
    ['in the other shape', '{"error_code":40014,"error_message":"x"}', 200],
    ['with an HTTP error', '{"errcode":40014,"errmsg":"x"}', 500],
  ])('is recognised %s', async (_, body, status) => {
    const error = await failureOf(callResponse(body, { status }));
    expect(error).toMatchObject({ code: 'WX_CLOUD_TOKEN_REJECTED', errcode: 40014 });
  });

  it.each(['{"errcode":"broken"}', '{"errcode":{}}', '{"errcode":[1,2]}'])(
    'that is not a number is not a success: %s',
    async body => {
      const error = await failureOf(callResponse(body));
      expect(error).toMatchObject({ name: 'WxCloudStorageError' });
      expect(error.message).not.toContain('NaN');
    },
  );

  it.each(['/cgi-bin/token', '/cgi-bin/stable_token'])(
    '40001 of the token call %s names the AppSecret',
    async endpoint => {
      const body = '{"errcode":40001,"errmsg":"invalid credential"}';
      const error = await failureOf(callResponse(body, { call: { endpoint } }));
      expect(error).toMatchObject({ code: 'WX_CLOUD_CREDENTIAL_REFUSED', errcode: 40001 });
      expect(error.message).toContain('AppSecret');
    },
  );

  it.each([
    ['access-token', 'nothing else fetches classic tokens'],
    ['stable-token', 'nothing else forces new stable tokens'],
    ['cloudbase-token', 'the platform mounts'],
    ['custom', 'auth.getToken'],
    ['open-api-service', 'sends no token'],
  ] as const)('of a rejected token says what to do with auth %s', async (auth, advice) => {
    const { url } = await serveResponse('{"errcode":42001,"errmsg":"access_token expired"}');
    const api = new JsonApi(openTransport(), url, auth);
    const error = await failureOf(api.call(upload));
    expect(error).toMatchObject({ code: 'WX_CLOUD_TOKEN_REJECTED', errcode: 42001 });
    expect(error.message).toContain(advice);
    expect(error.message.includes('classic')).toBe(auth === 'access-token');
  });

  it('without a rid has no request ID', async () => {
    const error = await failureOf(callResponse('{"errcode":-1,"errmsg":"busy"}'));
    expect('requestId' in error).toBe(false);
  });
});

describe('JsonApi: a malformed response', () => {
  it.each([
    ['an empty 500', '', { upstreamStatus: 500, code: 'WX_CLOUD_API_FAILED', retryable: true }],
    [
      'a 502 with HTML',
      '<html>Bad Gateway</html>',
      { upstreamStatus: 502, code: 'WX_CLOUD_API_FAILED', retryable: true },
    ],
    [
      'a 503 with JSON',
      '{"message":"no"}',
      { upstreamStatus: 503, code: 'WX_CLOUD_API_FAILED', retryable: true },
    ],
    ['a 429', 'slow down', { upstreamStatus: 429, code: 'WX_CLOUD_API_FAILED', retryable: true }],
    ['a 404', '', { upstreamStatus: 404, code: 'WX_CLOUD_API_FAILED', retryable: false }],
    [
      'a 403 with JSON',
      '{"errcode":0}',
      { upstreamStatus: 403, code: 'WX_CLOUD_API_FAILED', retryable: false },
    ],
    ['a redirect', '', { upstreamStatus: 302, code: 'WX_CLOUD_API_FAILED', retryable: false }],
    [
      'an empty 200',
      '',
      { upstreamStatus: 200, code: 'WX_CLOUD_RESPONSE_MALFORMED', retryable: true },
    ],
    [
      'a 200 with HTML',
      '<!doctype html>',
      { upstreamStatus: 200, code: 'WX_CLOUD_RESPONSE_MALFORMED', retryable: true },
    ],
    [
      'JSON that is cut off',
      '{"errcode":0,"url":"htt',
      { upstreamStatus: 200, code: 'WX_CLOUD_RESPONSE_MALFORMED', retryable: true },
    ],
    [
      'a JSON list',
      '[{"errcode":0}]',
      { upstreamStatus: 200, code: 'WX_CLOUD_RESPONSE_MALFORMED', retryable: true },
    ],
    [
      'JSON null',
      'null',
      { upstreamStatus: 200, code: 'WX_CLOUD_RESPONSE_MALFORMED', retryable: true },
    ],
    [
      'a JSON text',
      '"ok"',
      { upstreamStatus: 200, code: 'WX_CLOUD_RESPONSE_MALFORMED', retryable: true },
    ],
    [
      'a JSON number',
      '0',
      { upstreamStatus: 200, code: 'WX_CLOUD_RESPONSE_MALFORMED', retryable: true },
    ],
  ])('with %s is an error', async (_, body, expected) => {
    const error = await failureOf(callResponse(body, { status: expected.upstreamStatus }));
    expect(error).toMatchObject({ ...expected, endpoint: upload.endpoint });
    expect('errcode' in error).toBe(false);
  });

  it('is quoted in part only', async () => {
    const error = await failureOf(callResponse('x'.repeat(100_000), { status: 500 }));
    expect(error.message.length).toBeLessThan(500);
  });

  it('is not read beyond a limit', async () => {
    const blanks = Buffer.alloc(65_536, ' ');
    const url = await serve((_, response) => {
      const flood = new Readable({ read: () => void flood.push(blanks) });
      // Ends with its connection.
      pipeline(flood, response, () => {});
    });
    const error = await failureOf(new JsonApi(openTransport(), url).call(upload));
    expect(error).toMatchObject({ code: 'WX_CLOUD_RESPONSE_MALFORMED' });
  });

  it('is a connection failure when it is truncated', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"errcode":0');
      setImmediate(() => response.destroy());
    });
    const error = await failureOf(new JsonApi(openTransport(), url).call(upload));
    expect(error).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED', retryable: true });
    expect(secretsShownBy(error)).toEqual([]);
  });
});

describe('JsonApi: a secret', () => {
  const echo = `secret ${SECRET}, token ${TOKEN}`;
  const query = new URLSearchParams({ access_token: TOKEN, secret: SECRET }).toString();

  it.each([
    ['errmsg', JSON.stringify({ errcode: 40001, errmsg: echo }), 200],
    ['errmsg as the request ID', JSON.stringify({ errcode: -1, errmsg: `rid: ${SECRET}` }), 200],
    ['a plain error page', echo, 500],
    ['an error page with the address', `<a href="/tcb/uploadfile?${query}">x</a>`, 404],
    ['an error page with the escaped address', `?${query.replaceAll('&', '&amp;')}`, 502],
    ['a JSON error page', JSON.stringify({ access_token: TOKEN, detail: echo }), 503],
    ['a list', JSON.stringify([echo]), 200],
    ['a truncated response', `{"access_token":"${SECRET}","x":"${TOKEN}`, 200],
    ['a text', JSON.stringify(echo), 200],
  ])('that the server echoes in %s is not in the error', async (_, body, status) => {
    expect(secretsShownBy(await failureOf(callResponse(body, { status })))).toEqual([]);
  });

  it('that is fresh is not in the error of a truncated response', async () => {
    const fresh = 'Fresh-Token-Never-Seen-Before';
    const body = `{"expires_in":7200,"access_token":"${fresh}`;
    const error = await failureOf(callResponse(body));
    expect(everythingShownBy(error)).not.toContain(fresh);
  });

  it('is not in the error when the connection is refused', async () => {
    const server = createServer();
    const port = await listen(server);
    await new Promise(resolve => server.close(resolve));
    const api = new JsonApi(openTransport(), `http://127.0.0.1:${port}`);
    const error = await failureOf(api.call(upload));
    expect(error).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED', retryable: true });
    expect(secretsShownBy(error)).toEqual([]);
  });
});
