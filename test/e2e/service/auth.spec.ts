import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  startWxCloudEmulator,
  type WxCloudEmulatorMisconfiguration,
  type WxCloudEmulator,
} from '../../../lib/emulator/index.js';
import type {
  WxAccessToken,
  WxAccessTokenRequest,
  WxCloudStorageOptions,
} from '../../../lib/index.js';
import { startStorage, type TestStorage } from '../../support/storage.js';

let folder: string;
let emulator: WxCloudEmulator;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wx-cloud-auth-'));
  emulator = await startWxCloudEmulator({ reuseAppids: ['wx1111111111111111'] });
});
afterEach(async () => {
  await emulator.close();
  await rm(folder, { recursive: true });
});

function start(options: Partial<WxCloudStorageOptions>): Promise<TestStorage> {
  const { env, apiBaseUrl } = emulator.options;
  return startStorage({ env, apiBaseUrl, ...options } as WxCloudStorageOptions);
}

const overSidecar = (fromAppid = emulator.options.appid): Partial<WxCloudStorageOptions> => ({
  apiBaseUrl: emulator.sidecarUrl,
  auth: { type: 'open-api-service', fromAppid },
});

/** Makes every call that needs a credential. */
async function roundTrip({ storage }: TestStorage): Promise<void> {
  const { fileId } = await storage.upload('a/b.txt', '你好');
  expect(String(await storage.downloadBuffer(fileId))).toBe('你好');
  await storage.delete(fileId);
  expect(emulator.objects).toEqual([]);
}

describe("auth 'open-api-service'", () => {
  it('needs neither secret nor token', async () => {
    await roundTrip(await start(overSidecar()));
    expect(emulator.journal.map(({ operation }) => operation)).not.toContain('stable-token');
    expect(new Set(emulator.journal.map(({ via }) => via))).toContain('sidecar');
  });

  it('names the AppID that calls', async () => {
    await roundTrip(await start(overSidecar('wx1111111111111111')));
    const { storage } = await start(overSidecar('wx2222222222222222'));
    await expect(storage.upload('a', 'b')).rejects.toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_REFUSED',
      errcode: 48001,
      message: expect.stringContaining('auth.fromAppid'),
    });
  });

  it('provides no token', async () => {
    const { tokens } = await start(overSidecar());
    await expect(tokens.getAccessToken()).rejects.toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
      message: expect.stringContaining('http://api.weixin.qq.com'),
    });
    expect(() => tokens.invalidate('any')).not.toThrow();
  });

  it('waits for a sidecar that is not ready at the start', async () => {
    const { storage } = await start({
      ...overSidecar(),
      retry: { attempts: 5, minDelayMs: 100, maxDelayMs: 400 },
    });
    const notReady = emulator.misconfigure('sidecar-not-ready');
    const stored = storage.upload('a', 'b');
    notReady.remove();
    await expect(stored).resolves.toMatchObject({ size: 1 });
  });

  const asked = (): number =>
    emulator.journal.filter(({ operation }) => operation === 'upload-link').length;

  it.each([40001, 40014, 42001])(
    'explains a rejected credential without advice about its own tokens: %d',
    async errcode => {
      const { storage } = await start(overSidecar());
      const effect = { kind: 'errcode', errcode } as const;
      emulator.faults.add({ operation: 'upload-link', effect });

      const error = await storage.upload('a', 'b').catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'WX_CLOUD_TOKEN_REJECTED', retryable: false, errcode });
      expect((error as Error).message).toMatch(/sends no token.*create a new version/s);
      expect((error as Error).message).not.toMatch(/classic|renewed/);
      expect(asked()).toBe(1);
    },
  );

  it.each([41001, 85113])('retries a transient error: %d', async errcode => {
    const { storage } = await start(overSidecar());
    const effect = { kind: 'errcode', errcode } as const;
    emulator.faults.add({ operation: 'upload-link', effect, times: 2 });

    await expect(storage.upload('a', 'b')).resolves.toMatchObject({ size: 1 });
    expect(asked()).toBe(3);
  });

  it.each([
    ['with its number', 200, { error_code: 85107, error_type: 'SafeLinkError' }],
    ['with its number as a text', 200, { error_code: '85107', error_type: 'SafeLinkError' }],
    ['without a number', 200, { error_type: 'SafeLinkError' }],
    ['with another number', 200, { error_code: -1, error_type: 'SafeLinkError' }],
    ['with an HTTP status', 403, { error_code: 85107, error_type: 'SafeLinkError' }],
    ['without a type', 200, { error_code: 85107 }],
  ])('reads the other shape of a rejected path: %s', async (_, status, shape) => {
    const { storage } = await start(overSidecar());
    const body = JSON.stringify({ ...shape, error_message: 'URL不在白名单内' });
    emulator.faults.add({ operation: 'upload-link', effect: { kind: 'status', status, body } });

    await expect(storage.upload('a', 'b')).rejects.toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_REFUSED',
      errcode: 85107,
      errmsg: 'URL不在白名单内',
      message: expect.stringContaining('云调用 → 微信令牌权限配置'),
    });
    expect(asked()).toBe(1);
  });

  it('says what to do when https is called in a container', async () => {
    const { appid, secret } = emulator.options;
    const { storage } = await start({ appid, secret, apiBaseUrl: emulator.sidecarTlsUrl });
    await expect(storage.upload('a', 'b')).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
      retryable: false,
      message: expect.stringMatching(/DEPTH_ZERO_SELF_SIGNED_CERT.*'open-api-service'.*switch/s),
    });
  });
});

describe("auth 'cloudbase-token'", () => {
  it('sends what the file holds, and follows it', async () => {
    const file = join(folder, 'token');
    await writeFile(file, emulator.issueCloudbaseToken());
    const started = await start({ auth: { type: 'cloudbase-token', file } });
    await roundTrip(started);

    emulator.expireTokens();
    await writeFile(file, `${emulator.issueCloudbaseToken()}\n`);
    await roundTrip(started);
    expect(emulator.journal.filter(({ errcode }) => errcode !== undefined)).toEqual([]);
  });

  it('says what to do outside a container', async () => {
    const { storage } = await start({ auth: { type: 'cloudbase-token', file: '/nowhere' } });
    await expect(storage.upload('a', 'b')).rejects.toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
      message: expect.stringContaining('use another auth'),
    });
  });
});

describe("auth 'custom'", () => {
  const centralToken = async (): Promise<{ accessToken: string; expiresInSeconds: number }> => {
    const { appid, secret, apiBaseUrl } = emulator.options;
    const query = new URLSearchParams({ grant_type: 'client_credential', appid, secret });
    const response = await (await fetch(`${apiBaseUrl}/cgi-bin/token?${query}`)).json();
    const reply = response as { access_token: string; expires_in: number };
    return { accessToken: reply.access_token, expiresInSeconds: reply.expires_in };
  };

  it('calls the function once for many calls, and again after a rejection', async () => {
    const getToken = jest.fn(centralToken);
    const started = await start({ auth: { type: 'custom', getToken } });
    await Promise.all([roundTrip(started), started.tokens.getAccessToken()]);
    expect(getToken).toHaveBeenCalledTimes(1);

    emulator.expireTokens();
    await roundTrip(started);
    expect(getToken).toHaveBeenCalledTimes(2);
  });

  describe('with an appid', () => {
    const APPID = 'wx1111111111111111';
    const custom = (
      getToken: (request: WxAccessTokenRequest) => Promise<WxAccessToken | string>,
      appid = APPID,
    ): Partial<WxCloudStorageOptions> => ({ auth: { type: 'custom', appid, getToken } });

    const tokenOfAppid = jest.fn(async () => 'token-of-an-appid-again');

    it('asks once for all instances of one AppID and function', async () => {
      const getToken = jest.fn(centralToken);
      const [one, other] = [await start(custom(getToken)), await start(custom(getToken))];
      await Promise.all([one.tokens.getAccessToken(), other.tokens.getAccessToken()]);
      expect(getToken).toHaveBeenCalledTimes(1);
    });

    it('asks a failing function once for all instances that wait', async () => {
      const getToken = jest.fn(() => Promise.reject<string>(new Error('central server down')));
      const once = { ...custom(getToken), retry: { attempts: 1 } };
      const all = await Promise.all([start(once), start(once), start(once)]);
      const outcomes = await Promise.allSettled(all.map(({ tokens }) => tokens.getAccessToken()));
      const reason: unknown = expect.objectContaining({ code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE' });
      expect(outcomes).toEqual(all.map(() => ({ status: 'rejected', reason })));
      expect(getToken).toHaveBeenCalledTimes(1);
    });

    it.each<[string, () => Partial<WxCloudStorageOptions>, string]>([
      ['AppIDs', () => custom(tokenOfAppid, 'wx2'), 'token-of-an-appid-again'],
      ['functions', () => custom(async () => 'token-of-another'), 'token-of-another'],
      [
        'addresses',
        () => ({ ...custom(tokenOfAppid), apiBaseUrl: 'http://localhost:1' }),
        'token-of-an-appid-again',
      ],
    ])('shares no token between different %s', async (_, options, token) => {
      tokenOfAppid.mockResolvedValueOnce('token-of-an-appid');
      const { tokens } = await start(custom(tokenOfAppid));
      expect(await tokens.getAccessToken()).toBe('token-of-an-appid');
      const other = await start(options());
      expect(await other.tokens.getAccessToken()).toBe(token);
    });

    it('tells the function which token was refused, and uses the other one', async () => {
      const getToken = jest
        .fn(centralToken as (request: WxAccessTokenRequest) => Promise<WxAccessToken | string>)
        .mockResolvedValueOnce('a-withdrawn-token');
      await roundTrip(await start(custom(getToken)));
      expect(getToken.mock.calls).toEqual([
        [{ appid: APPID, rejected: undefined }],
        [{ appid: APPID, rejected: 'a-withdrawn-token' }],
      ]);
    });
  });

  it('calls a failing function again, as often as retry allows', async () => {
    const getToken = jest.fn(centralToken).mockRejectedValueOnce(new Error('central server down'));
    await roundTrip(await start({ auth: { type: 'custom', getToken } }));
    expect(getToken).toHaveBeenCalledTimes(2);
  });
});

describe('timeouts.tokenMs', () => {
  it.each<[string, () => Partial<WxCloudStorageOptions>]>([
    [
      'in the application',
      () => ({ auth: { type: 'custom', getToken: () => new Promise(() => {}) } }),
    ],
    [
      'on the wire',
      () => {
        const { appid, secret } = emulator.options;
        emulator.faults.add({
          operation: 'stable-token',
          effect: { kind: 'hang', at: 'request' },
          times: 9,
        });
        return { appid, secret };
      },
    ],
  ])('rejects all callers of a token fetch that hangs: %s', async (_, options) => {
    const { storage } = await start({ ...options(), timeouts: { tokenMs: 200 } });
    const calls = Array.from({ length: 20 }, (__, index) => storage.upload(`${index}`, 'x'));
    const outcomes = await Promise.allSettled(calls);
    const reason: unknown = expect.objectContaining({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
      phase: 'token',
      message: expect.stringContaining('timeouts.tokenMs'),
    });
    expect(outcomes).toEqual(calls.map(() => ({ status: 'rejected', reason })));
  });
});

describe('a misconfigured cloud', () => {
  const byToken = (): Partial<WxCloudStorageOptions> => {
    const { appid, secret } = emulator.options;
    return { appid, secret };
  };

  it.each([
    ['ip-not-whitelisted', byToken, 'WX_CLOUD_CREDENTIAL_REFUSED', 'IP whitelist'],
    ['ip-not-registered', byToken, 'WX_CLOUD_CREDENTIAL_REFUSED', 'IP whitelist'],
    ['wrong-secret', byToken, 'WX_CLOUD_CREDENTIAL_REFUSED', 'Check the AppSecret'],
    ['secret-not-latest', byToken, 'WX_CLOUD_CREDENTIAL_REFUSED', 'Check the AppSecret'],
    ['secret-frozen', byToken, 'WX_CLOUD_CREDENTIAL_REFUSED', 'unfreeze'],
    ['confirmation-needed', byToken, 'WX_CLOUD_CREDENTIAL_REFUSED', 'confirm'],
    ['confirmation-refused', byToken, 'WX_CLOUD_CREDENTIAL_REFUSED', '24 hours'],
    ['confirmation-refused-for-an-hour', byToken, 'WX_CLOUD_CREDENTIAL_REFUSED', '1 hour'],
    ['quota-used-up', byToken, 'WX_CLOUD_QUOTA_EXCEEDED', 'tomorrow'],
    ['quota-of-the-minute', byToken, 'WX_CLOUD_QUOTA_EXCEEDED', 'wait a minute'],
    ['path-not-listed', overSidecar, 'WX_CLOUD_API_FAILED', '云调用 → 微信令牌权限配置'],
    ['path-refused', overSidecar, 'WX_CLOUD_CREDENTIAL_REFUSED', '云调用 → 微信令牌权限配置'],
    ['no-sidecar', overSidecar, 'WX_CLOUD_CREDENTIAL_UNAVAILABLE', '开放接口服务'],
    ['sidecar-not-ready', overSidecar, 'WX_CLOUD_CREDENTIAL_UNAVAILABLE', 'not ready yet'],
    ['secret-missing', overSidecar, 'WX_CLOUD_CREDENTIAL_REFUSED', 'cloudbase_secret'],
    ['token-not-ready', overSidecar, 'WX_CLOUD_CREDENTIAL_UNAVAILABLE', 'a few minutes'],
  ] satisfies [WxCloudEmulatorMisconfiguration, () => object, string, string][])(
    'causes an error with advice until it is fixed: %s',
    async (...row) => {
      const [name, options, code, advice] = row;
      const { storage } = await start(options());
      const played = emulator.misconfigure(name);

      const error: unknown = await storage.upload('a', 'b').catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code, message: expect.stringContaining(advice) });
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(
        emulator.options.secret,
      );

      played.remove();
      await expect(storage.upload('a', 'b')).resolves.toMatchObject({ size: 1 });
    },
  );
});
