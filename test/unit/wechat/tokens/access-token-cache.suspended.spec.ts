import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { elapsedMs } from '../../../../lib/operations/deadline.js';
import { Secret } from '../../../../lib/options/resolved-options.js';
import { LinkCache } from '../../../../lib/storage/link-cache.js';
import { AccessTokenCache } from '../../../../lib/wechat/tokens/access-token-cache.js';
import { CloudbaseTokenFile } from '../../../../lib/wechat/tokens/cloudbase-token-file.js';
import { ForcedRefreshBudget, TokenFetcher } from '../../../../lib/wechat/tokens/token-fetcher.js';
import { JsonApi } from '../../../../lib/wechat/wechat-api.js';
import { afterThisTest } from '../../../support/after-test.js';
import { NEVER, openTransport, serveResponse } from '../../support/server.js';

const HOURS_MS = 3 * 3_600_000;
const setBack: (() => void)[] = [];

/** The machine sleeps: the wall clock goes on, the monotonic clock does not. */
function suspend(ms: number): void {
  elapsedMs();
  const wallMs = Date.now.bind(Date);
  const spy = jest.spyOn(Date, 'now').mockImplementation(() => wallMs() + ms);
  setBack.push(() => spy.mockRestore());
}

afterEach(() => {
  for (const restore of setBack.splice(0)) restore();
  elapsedMs();
});

describe('after a suspension in which the monotonic clock stood still', () => {
  it('a token is not used past its end', async () => {
    let count = 0;
    const fetchToken = async () => ({ accessToken: `t${(count += 1)}`, expiresInSeconds: 7_200 });
    const cache = new AccessTokenCache({ fetchToken });
    await cache.get();
    suspend(HOURS_MS);
    await expect(cache.get()).resolves.toBe('t2');
    await expect(cache.get()).resolves.toBe('t2');
  });

  it('a token whose response was read afterwards is not used past its end', async () => {
    const { url, requests } = await serveResponse('{"access_token":"t","expires_in":7200}');
    const api = new JsonApi(openTransport(), url);
    const auth = {
      type: 'stable-token',
      appid: 'a',
      secret: new Secret('s'),
      store: undefined,
    } as const;
    const fetcher = new TokenFetcher(api, auth, elapsedMs, new ForcedRefreshBudget(elapsedMs));
    const fetchToken = async () => {
      const token = await fetcher.fetch({ rejected: undefined, held: undefined }, NEVER);
      suspend(HOURS_MS);
      return token;
    };
    const cache = new AccessTokenCache({ fetchToken });
    await cache.get();
    await cache.get();
    expect(requests).toHaveLength(2);
  });

  it('a link is not returned past its end', () => {
    const cache = new LinkCache(10);
    const note = cache.beginRequest(['f']);
    cache.keep(note, { fileId: 'f', url: 'u', maxAgeSeconds: 7_200 });
    expect(cache.find('f', 7_200)).toBe('u');
    suspend(HOURS_MS);
    expect(cache.find('f', 7_200)).toBeUndefined();
  });

  it('a mounted token that cannot be read again is not used past its end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'suspended-'));
    afterThisTest(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'token');
    writeFileSync(file, 'mounted');
    const tokens = new CloudbaseTokenFile(file);
    await expect(tokens.get()).resolves.toBe('mounted');
    rmSync(file);
    await expect(tokens.get()).resolves.toBe('mounted');
    suspend(HOURS_MS);
    await expect(tokens.get()).rejects.toMatchObject({ code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE' });
  });
});
