import { describe, expect, it } from '@jest/globals';
import type { AccessTokenStore, WxCloudStorageOptions } from '../../../../lib/index.js';
import { resolveOptions } from '../../../../lib/options/resolve-options.js';
import { createCredential } from '../../../../lib/wechat/tokens/create-credential.js';
import { JsonApi, type TokenSource } from '../../../../lib/wechat/wechat-api.js';
import { MemoryAccessTokenStore } from '../../../support/memory-access-token-store.js';
import { openTransport, readRequest, serve } from '../../support/server.js';

/** An API whose stable token changes when a new one is forced. */
async function serveTokens(name: string) {
  /** True for each call that was forced. */
  const calls: boolean[] = [];
  let current = 1;
  const url = await serve(async (request, response) => {
    const isForced = (await readRequest(request)).body.includes('"force_refresh":true');
    calls.push(isForced);
    current += Number(isForced);
    response.end(JSON.stringify({ access_token: `${name}-${current}`, expires_in: 7_200 }));
  });
  return { url, calls };
}

const warnings: string[] = [];

function open(
  url: string,
  auth: { readonly appid?: string; readonly store?: AccessTokenStore } = {},
  mayReturn = true,
  apiBaseUrl = url,
): TokenSource {
  const options = resolveOptions({
    env: 'prod-1',
    apiBaseUrl,
    retry: { attempts: 1 },
    auth: { type: 'stable-token', appid: 'wx1', secret: 'secret', ...auth },
  } as WxCloudStorageOptions);
  const logger = { warn: (text: string) => void warnings.push(text), debug: () => {} };
  const api = new JsonApi(openTransport(), url);
  return createCredential(api, options, logger, mayReturn).tokens as TokenSource;
}

describe('createCredential for an instance that is closed and opened again', () => {
  it('uses the token again', async () => {
    const { url, calls } = await serveTokens('a');
    for (let round = 0; round < 5; round += 1) {
      const tokens = open(url);
      await expect(tokens.get()).resolves.toBe('a-1');
      tokens.close?.();
    }
    expect(calls).toEqual([false]);
  });

  it('fetches a token again where the instance cannot return', async () => {
    const { url, calls } = await serveTokens('a');
    for (let round = 0; round < 3; round += 1) {
      const tokens = open(url, {}, false);
      await tokens.get();
      tokens.close?.();
    }
    expect(calls).toEqual([false, false, false]);
  });

  it('forces one token in 30 seconds, however often it is opened', async () => {
    const { url, calls } = await serveTokens('a');
    for (let round = 0; round < 30; round += 1) {
      const tokens = open(url);
      const refused = await tokens.get();
      tokens.confirm();
      tokens.invalidate(refused);
      await tokens.get();
      tokens.close?.();
    }
    expect(calls.filter(Boolean)).toHaveLength(1);
  });
});

describe('createCredential for several instances of one AppID', () => {
  it("shares the token and the forced one between WeChat's own addresses", async () => {
    const { url, calls } = await serveTokens('wechat');
    const auth = { appid: 'wx-at-several-hosts' };
    const hosts = ['api', 'api2', 'sh.api'];
    const instances = hosts.map(host => open(url, auth, true, `https://${host}.weixin.qq.com`));
    await Promise.all(instances.map(tokens => tokens.get()));
    for (const tokens of instances) {
      tokens.invalidate('wechat-1');
      await expect(tokens.get()).resolves.toBe('wechat-2');
    }
    // The second call gave the refused token again.
    expect(calls).toEqual([false, false, true]);
  });

  it('shares no token with another address', async () => {
    const [a, b] = [await serveTokens('a'), await serveTokens('b')];
    await expect(open(a.url).get()).resolves.toBe('a-1');
    await expect(open(b.url).get()).resolves.toBe('b-1');
  });
});

describe('createCredential with a store', () => {
  it('takes no token that a store has for another API address', async () => {
    const [wechat, gateway] = [await serveTokens('wechat'), await serveTokens('gateway')];
    const store = new MemoryAccessTokenStore();
    await expect(open(wechat.url, { store }).get()).resolves.toBe('wechat-1');
    await expect(open(gateway.url, { store }).get()).resolves.toBe('gateway-1');
    await expect(open(`${gateway.url}/other`, { store }).get()).resolves.toBe('gateway-1');
    expect(gateway.calls).toHaveLength(2);
  });

  it('tells of an outage once for all instances that use the store', async () => {
    const { url } = await serveTokens('a');
    const fail = (): Promise<never> => Promise.reject(new Error('down'));
    const store = { get: fail, set: fail, lock: fail };
    const appids = Array.from({ length: 20 }, (_, index) => `wx-of-${index}`);
    await Promise.all(appids.map(appid => open(url, { appid, store }).get()));
    expect(warnings).toEqual([
      expect.stringContaining('The store for access tokens failed. This process does without it'),
    ]);
  });
});
