import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fetchToken } from './support/cloud-client.js';
import { sendJson } from './support/raw-http.js';
import { startTimedCloud, type TimedCloud } from './support/timed-cloud.js';

let cloud: TimedCloud;
beforeEach(async () => {
  cloud = await startTimedCloud();
});
afterEach(() => cloud.close());

/** The `errcode` for a query; 0 when the call passes. */
async function codeFor(query: Record<string, string>, base = cloud.url): Promise<unknown> {
  const request = { env: cloud.options.env, path: 'a' };
  const response = await sendJson(`${base}/tcb/uploadfile?${new URLSearchParams(query)}`, request);
  return response['errcode'];
}

describe('the cloudbase_access_token of the emulator', () => {
  it('is a new one each time, and invalidates no other', async () => {
    const tokens = [cloud.issueCloudbaseToken(), cloud.issueCloudbaseToken()];
    const codes = tokens.map(token => codeFor({ cloudbase_access_token: token }));
    expect(tokens).toEqual([expect.stringMatching(/^[\w-]{128}$/), expect.any(String)]);
    expect(new Set(tokens).size).toBe(2);
    expect(await Promise.all(codes)).toEqual([0, 0]);
  });

  it('is valid for 30 minutes', async () => {
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

  it('leaves access tokens valid', async () => {
    const token = await fetchToken(cloud);
    cloud.issueCloudbaseToken();
    expect(await codeFor({ access_token: token })).toBe(0);
    expect(await fetchToken(cloud)).toBe(token);
  });

  it.each([
    ['an unknown one', 'unheard', 40014],
    ['an empty one', '', 41001],
  ])('is rejected when it is %s', async (_, token, errcode) => {
    expect(await codeFor({ cloudbase_access_token: token })).toBe(errcode);
  });

  it('is unknown in place of an access token, and the other way round', async () => {
    const cloudbase = cloud.issueCloudbaseToken();
    const access = await fetchToken(cloud);
    expect(await codeFor({ access_token: cloudbase })).toBe(40014);
    expect(await codeFor({ cloudbase_access_token: access })).toBe(40014);
  });

  it('is rejected beside an access token, even if both are valid', async () => {
    const query = {
      access_token: await fetchToken(cloud),
      cloudbase_access_token: cloud.issueCloudbaseToken(),
    };
    expect(await codeFor(query)).toBe(40097);
  });

  it('is checked at the sidecar, too', async () => {
    const query = { cloudbase_access_token: cloud.issueCloudbaseToken() };
    expect(await codeFor(query, cloud.sidecarUrl)).toBe(0);
    cloud.expireTokens();
    expect(await codeFor(query, cloud.sidecarUrl)).toBe(42001);
  });
});
