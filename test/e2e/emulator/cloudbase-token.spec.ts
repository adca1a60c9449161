import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fetchToken } from './support/cloud-client.js';
import { sendJson } from './support/raw-http.js';
import { startTimedCloud, type TimedCloud } from './support/timed-cloud.js';

let cloud: TimedCloud;
beforeEach(async () => {
  cloud = await startTimedCloud();
});
afterEach(() => cloud.close());

/** The `errcode` with which a query is answered; 0 when it lets the call pass. */
async function codeFor(query: Record<string, string>, base = cloud.url): Promise<unknown> {
  const request = { env: cloud.options.env, path: 'a' };
  const answer = await sendJson(`${base}/tcb/uploadfile?${new URLSearchParams(query)}`, request);
  return answer['errcode'];
}

describe('a cloudbase_access_token', () => {
  it('is another one each time, and none of them voids another', async () => {
    const tokens = [cloud.issueCloudbaseToken(), cloud.issueCloudbaseToken()];
    const codes = tokens.map(token => codeFor({ cloudbase_access_token: token }));
    expect(tokens).toEqual([expect.stringMatching(/^[\w-]{128}$/), expect.any(String)]);
    expect(new Set(tokens).size).toBe(2);
    expect(await Promise.all(codes)).toEqual([0, 0]);
  });

  it('is good for 30 minutes', async () => {
    const query = { cloudbase_access_token: cloud.issueCloudbaseToken() };
    cloud.pass(1799);
    expect(await codeFor(query)).toBe(0);
    cloud.pass(1);
    expect(await codeFor(query)).toBe(42001);
  });

  it('expires with all other tokens', async () => {
    const query = { cloudbase_access_token: cloud.issueCloudbaseToken() };
    cloud.expireTokens();
    expect(await codeFor(query)).toBe(42001);
    expect(await codeFor({ cloudbase_access_token: cloud.issueCloudbaseToken() })).toBe(0);
  });

  it('leaves access tokens as they are', async () => {
    const token = await fetchToken(cloud);
    cloud.issueCloudbaseToken();
    expect(await codeFor({ access_token: token })).toBe(0);
    expect(await fetchToken(cloud)).toBe(token);
  });

  it.each([
    ['an unknown one', 'unheard', 40014],
    ['an empty one', '', 41001],
  ])('is refused when it is %s', async (_, token, errcode) => {
    expect(await codeFor({ cloudbase_access_token: token })).toBe(errcode);
  });

  it('is unknown where an access token belongs, and the other way round', async () => {
    const cloudbase = cloud.issueCloudbaseToken();
    const access = await fetchToken(cloud);
    expect(await codeFor({ access_token: cloudbase })).toBe(40014);
    expect(await codeFor({ cloudbase_access_token: access })).toBe(40014);
  });

  it('is refused beside an access token, be both good', async () => {
    const query = {
      access_token: await fetchToken(cloud),
      cloudbase_access_token: cloud.issueCloudbaseToken(),
    };
    expect(await codeFor(query)).toBe(40097);
  });

  it('decides at the sidecar, too', async () => {
    const query = { cloudbase_access_token: cloud.issueCloudbaseToken() };
    expect(await codeFor(query, cloud.sidecarUrl)).toBe(0);
    cloud.expireTokens();
    expect(await codeFor(query, cloud.sidecarUrl)).toBe(42001);
  });
});
