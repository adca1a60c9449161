import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { callApi, fetchToken } from './support/cloud-client.js';
import { send, sendJson } from './support/raw-http.js';
import { startTimedCloud, type TimedCloud } from './support/timed-cloud.js';

let cloud: TimedCloud;
beforeEach(async () => {
  cloud = await startTimedCloud();
});
afterEach(() => cloud.close());

type Members = Record<string, unknown>;

const grant = (change: Members): Members => ({
  grant_type: 'client_credential',
  appid: cloud.options.appid,
  secret: cloud.options.secret,
  ...change,
});

async function fetchClassic(change: Members = {}): Promise<Members> {
  // Removes undefined members, as JSON does.
  const query = new URLSearchParams(
    JSON.parse(JSON.stringify(grant(change))) as Record<string, string>,
  );
  return JSON.parse((await send(`${cloud.url}/cgi-bin/token?${query}`)).text) as Members;
}

const fetchStable = (change: Members = {}): Promise<Members> =>
  sendJson(`${cloud.url}/cgi-bin/stable_token`, grant(change));

/** The `errcode` for a token; 0 while it is valid. */
async function codeFor(token: unknown): Promise<unknown> {
  const response = await callApi(cloud, '/tcb/uploadfile', { path: 'a', token: String(token) });
  return response['errcode'];
}

describe.each([
  ['GET /cgi-bin/token', fetchClassic],
  ['POST /cgi-bin/stable_token', fetchStable],
])('%s', (_, fetchWith) => {
  it.each([
    ['another grant_type', { grant_type: 'password' }, 40002],
    ['no grant_type', { grant_type: undefined }, 40002],
    ['no appid', { appid: undefined }, 41002],
    ['an empty appid', { appid: '' }, 41002],
    ['another appid', { appid: 'wx1111111111111111' }, 40013],
    ['no secret', { secret: undefined }, 41004],
    ['another secret', { secret: '1'.repeat(32) }, 40125],
  ])('rejects %s', async (_what, change, errcode) => {
    const response = await fetchWith(change);
    expect(response).toEqual({
      errcode,
      errmsg: expect.stringMatching(/ rid: [\da-f]{8}-[\da-f]{8}-[\da-f]{8}$/),
    });
  });

  it('returns a token and its life without an errcode', async () => {
    expect(await fetchWith({})).toEqual({
      access_token: expect.stringMatching(/^[\w-]{128}$/),
      expires_in: 7200,
    });
  });

  it('never invalidates a token of the other kind', async () => {
    const other = { access_token: await fetchToken(cloud) };
    const classic = await fetchClassic();
    await fetchWith({});
    expect([await codeFor(other.access_token), await codeFor(classic['access_token'])]).toEqual([
      0, 0,
    ]);
  });

  it('returns tokens that expire after their life', async () => {
    const { access_token: token } = await fetchWith({});
    cloud.pass(7199);
    expect(await codeFor(token)).toBe(0);
    cloud.pass(1);
    expect(await codeFor(token)).toBe(42001);
  });
});

describe('GET /cgi-bin/token', () => {
  it('rejects POST', async () => {
    expect(await sendJson(`${cloud.url}/cgi-bin/token`, grant({}))).toMatchObject({
      errcode: 43001,
    });
  });

  it('invalidates the previous token 5 minutes later', async () => {
    const { access_token: first } = await fetchClassic();
    const { access_token: second } = await fetchClassic();
    expect(second).not.toBe(first);
    cloud.pass(299);
    expect([await codeFor(first), await codeFor(second)]).toEqual([0, 0]);
    cloud.pass(1);
    expect([await codeFor(first), await codeFor(second)]).toEqual([40001, 0]);
  });
});

describe('POST /cgi-bin/stable_token', () => {
  it.each([
    ['GET', { method: 'GET' }, 43002],
    ['an empty body', { method: 'POST', body: '' }, 44002],
    ['a body that is no JSON', { method: 'POST', body: 'grant_type=client_credential' }, 47001],
    ['a body that is no object', { method: 'POST', body: '[]' }, 47001],
  ])('rejects %s', async (_, init, errcode) => {
    const response = await send(`${cloud.url}/cgi-bin/stable_token`, init);
    expect(response.status).toBe(200);
    expect(JSON.parse(response.text)).toMatchObject({ errcode });
  });

  it('rejects a force_refresh that is not a boolean', async () => {
    expect(await fetchStable({ force_refresh: 'yes' })).toMatchObject({ errcode: 47001 });
  });

  it('returns the same token while it is valid, with its remaining life', async () => {
    const first = await fetchStable();
    cloud.pass(6900);
    expect(await fetchStable()).toEqual({ access_token: first['access_token'], expires_in: 300 });
  });

  it('renews the token 5 minutes before it expires, and both are valid until then', async () => {
    const { access_token: first } = await fetchStable();
    cloud.pass(6901);
    const second = await fetchStable();
    expect(second).toEqual({ access_token: expect.any(String), expires_in: 7200 });
    expect([await codeFor(first), await codeFor(second['access_token'])]).toEqual([0, 0]);
    cloud.pass(299);
    expect([await codeFor(first), await codeFor(second['access_token'])]).toEqual([42001, 0]);
  });

  it('invalidates the previous token at once on a forced refresh', async () => {
    const { access_token: first } = await fetchStable();
    const { access_token: second } = await fetchStable({ force_refresh: true });
    expect([await codeFor(first), await codeFor(second)]).toEqual([40001, 0]);
  });

  it('does not refresh within 30 seconds of a forced refresh', async () => {
    const { access_token: first } = await fetchStable({ force_refresh: true });
    cloud.pass(29);
    expect(await fetchStable({ force_refresh: true })).toMatchObject({ access_token: first });
    cloud.pass(1);
    expect(await fetchStable({ force_refresh: true })).not.toMatchObject({ access_token: first });
  });

  it('rejects the 21st forced refresh of a day', async () => {
    const codes: unknown[] = [];
    for (let time = 1; time <= 21; time += 1) {
      cloud.pass(30);
      codes.push((await fetchStable({ force_refresh: true }))['errcode']);
    }
    expect(codes).toEqual([...Array.from({ length: 20 }, () => undefined), 45009]);
    cloud.pass(86_400);
    expect(await fetchStable({ force_refresh: true })).toMatchObject({ expires_in: 7200 });
  });
});
