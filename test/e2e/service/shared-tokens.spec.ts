import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Agent } from 'undici';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import type { AccessTokenStore, WxCloudStorageOptions } from '../../../lib/index.js';
import { afterThisTest } from '../../support/after-test.js';
import { startStorage, type TestStorage } from '../../support/storage.js';

let emulator: WxCloudEmulator;

beforeEach(async () => {
  emulator = await startWxCloudEmulator();
});
afterEach(() => emulator.close());

function start(options: Partial<WxCloudStorageOptions> = {}): Promise<TestStorage> {
  return startStorage({ ...emulator.options, ...options } as WxCloudStorageOptions);
}

const withAuth = (
  type: 'access-token' | 'stable-token',
  more: { secret?: string; store?: AccessTokenStore } = {},
): Partial<WxCloudStorageOptions> => {
  const { appid, secret } = emulator.options;
  return { appid: undefined, secret: undefined, auth: { type, appid, secret, ...more } };
};

const tokenCalls = (): number =>
  emulator.journal.filter(({ operation }) => /token/.test(operation)).length;

/** A store that keeps nothing and records the requested keys. */
function recordingStore(): { readonly store: AccessTokenStore; readonly keys: Set<string> } {
  const keys = new Set<string>();
  const store: AccessTokenStore = {
    get: async key => void keys.add(key),
    set: async () => true,
    lock: async () => ({ fence: 1, release: async () => {} }),
  };
  return { store, keys };
}

describe('instances with one AppID, type and secret', () => {
  it.each(['stable-token', 'access-token'] as const)(
    'share one token and one fetch over all environments: %s',
    async type => {
      const instances = await Promise.all(
        ['env-a', 'env-b', emulator.options.env].map(env => start({ ...withAuth(type), env })),
      );
      const tokens = await Promise.all(
        instances.flatMap(({ tokens: { getAccessToken }, tokens: source }) =>
          Array.from({ length: 10 }, () => getAccessToken.call(source)),
        ),
      );
      expect(new Set(tokens).size).toBe(1);
      expect(tokenCalls()).toBe(1);
    },
  );

  it('replace a rejected token once for all', async () => {
    const [one, other] = [await start(), await start()];
    const first = await one.tokens.getAccessToken();
    emulator.expireTokens();
    one.tokens.invalidate(first);
    other.tokens.invalidate(first);
    const second = await other.tokens.getAccessToken();
    await expect(one.tokens.getAccessToken()).resolves.toBe(second);
    expect(second).not.toBe(first);
    expect(tokenCalls()).toBe(2);
  });

  it('keep the token when one of them is closed, and forget it with the last one', async () => {
    const [one, other] = [await start(), await start()];
    const first = await one.tokens.getAccessToken();
    await one.close();
    await expect(other.tokens.getAccessToken()).resolves.toBe(first);
    expect(tokenCalls()).toBe(1);
    await other.close();
    await (await start()).tokens.getAccessToken();
    expect(tokenCalls()).toBe(2);
  });

  it('fetch again when the fetching one is closed', async () => {
    const [one, other] = [await start(), await start()];
    emulator.faults.add({ operation: 'stable-token', effect: { kind: 'hang', at: 'request' } });
    // The emulator records a request only once it has ended, and this one does not end.
    const sent = new Promise<void>(resolve => {
      const onHeaders = (): void => {
        unsubscribe('undici:client:sendHeaders', onHeaders);
        resolve();
      };
      subscribe('undici:client:sendHeaders', onHeaders);
    });
    const lost = one.tokens.getAccessToken().catch((error: unknown) => error);
    await sent;
    const waiting = other.tokens.getAccessToken();
    await one.close();
    await expect(waiting).resolves.toEqual(expect.any(String));
    expect(await lost).toBeInstanceOf(Error);
  });

  it('fetch again when the fetching one has no connection', async () => {
    const blocked = new Agent({ connect: (_, callback) => callback(new Error('no way'), null) });
    afterThisTest(() => blocked.destroy());
    const one = await start({ dispatcher: blocked });
    const other = await start();
    const failed = one.tokens.getAccessToken().catch((error: unknown) => error);
    const works = other.tokens.getAccessToken();
    await expect(works).resolves.toEqual(expect.any(String));
    expect(await failed).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED' });
    await expect(one.tokens.getAccessToken()).resolves.toBe(await works);
  });

  it('use one key in a store, without the environment and the secret', async () => {
    const { store, keys } = recordingStore();
    for (const env of ['env-a', 'env-b']) {
      const { tokens, close } = await start({ ...withAuth('access-token', { store }), env });
      await tokens.getAccessToken();
      await close();
    }
    expect(keys.size).toBe(1);
    const [key = ''] = keys;
    expect(key).toContain(emulator.options.appid);
    expect(key).not.toMatch(/env-/);
    expect(key).not.toContain(emulator.options.secret);
    expect(key).toMatch(/^[\w:-]+$/);
  });
});

describe('an instance with another secret or type', () => {
  it('does not receive the token of the correct secret', async () => {
    const right = await start();
    await right.tokens.getAccessToken();
    const wrong = await start({ secret: 'another-secret-that-is-wrong' });
    await expect(wrong.tokens.getAccessToken()).rejects.toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_REFUSED',
    });
    await expect(right.tokens.getAccessToken()).resolves.toEqual(expect.any(String));
  });

  it('has its own tokens and keys', async () => {
    const { store, keys } = recordingStore();
    const seen = jest.fn<(token: string) => void>();
    for (const type of ['access-token', 'stable-token'] as const) {
      seen(await (await start(withAuth(type, { store }))).tokens.getAccessToken());
    }
    const wrong = await start(withAuth('access-token', { store, secret: 'wrong-secret-of-them' }));
    await expect(wrong.tokens.getAccessToken()).rejects.toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_REFUSED',
    });
    expect(new Set(seen.mock.calls.flat()).size).toBe(2);
    expect(keys.size).toBe(3);
  });

  it('does not receive the token of another apiBaseUrl', async () => {
    const another = await startWxCloudEmulator();
    afterThisTest(() => another.close());
    const tokens = await Promise.all(
      [emulator, another].map(async ({ options: { apiBaseUrl } }) =>
        (await start({ apiBaseUrl })).tokens.getAccessToken(),
      ),
    );
    expect(new Set(tokens).size).toBe(2);
  });
});
