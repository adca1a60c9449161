import { describe, expect, it, jest } from '@jest/globals';
import { type CosKeysFunction, Secret } from '../../../../lib/options/resolved-options.js';
import { createCosCredentials } from '../../../../lib/storage/cos/credentials.js';
import { ServerClock } from '../../../../lib/storage/cos/server-clock.js';
import { JsonApi } from '../../../../lib/wechat/wechat-api.js';
import { everythingShownBy, failureOf } from '../../support/failures.js';
import { NEVER, openTransport, serveResponse } from '../../support/server.js';

const START_MS = Date.UTC(2026, 0, 1);
const HALF_HOUR_S = 1_800;

/** A wall clock that a test sets. */
function startClock() {
  const time = { nowMs: START_MS };
  return { time, clock: new ServerClock(() => time.nowMs) };
}

function open(
  credentials: Parameters<typeof createCosCredentials>[0]['credentials'],
  {
    clock,
    url = 'http://127.0.0.1:9',
    tokenMs = 5_000,
  }: { clock: ServerClock; url?: string; tokenMs?: number },
) {
  const onRenewalFailed = jest.fn();
  const source = createCosCredentials({
    credentials,
    sidecar: new JsonApi(openTransport(), url, 'open-api-service'),
    clock,
    tokenMs,
    retry: { attempts: 1, minDelayMs: 0, maxDelayMs: 0 },
    onRenewalFailed,
  });
  return { source, onRenewalFailed };
}

/** A function that returns new keys each time, which live for half an hour. */
function countingKeys(time: { readonly nowMs: number }) {
  let count = 0;
  return jest.fn<CosKeysFunction>(async () => ({
    secretId: `id-${(count += 1)}`,
    secretKey: 'key',
    token: 'token',
    expiresAt: new Date(time.nowMs + HALF_HOUR_S * 1000),
  }));
}

describe('createCosCredentials', () => {
  describe('with the container', () => {
    it.each([
      ['a number', 1_800_000_000],
      ['a text', '1800000000'],
    ])('takes the end of the keys as %s', async (_, ExpiredTime) => {
      const reply = { TmpSecretId: 'id', TmpSecretKey: 'key', Token: 'token', ExpiredTime };
      const { url, requests } = await serveResponse(JSON.stringify(reply));
      const { source } = open({ type: 'container' }, { ...startClock(), url });
      const { keys, expiresAtMs } = await source.get(NEVER);
      expect([keys.secretId, keys.secretKey.reveal(), keys.token?.reveal()]).toEqual([
        'id',
        'key',
        'token',
      ]);
      expect(expiresAtMs).toBe(1_800_000_000_000);
      expect(requests.map(({ method, url: path }) => `${method} ${path}`)).toEqual([
        'GET /_/cos/getauth',
      ]);
    });

    it.each([
      ['an empty 404', 404, '', 'WX_CLOUD_CREDENTIAL_UNAVAILABLE: 开放接口服务'],
      ['a 502', 502, '', 'WX_CLOUD_API_FAILED: 微信令牌权限配置'],
      [
        '85107',
        200,
        '{"errcode":85107,"errmsg":"no"}',
        'WX_CLOUD_CREDENTIAL_REFUSED: 微信令牌权限配置',
      ],
      [
        '85107 in its other shape',
        200,
        '{"error_code":1,"error_type":"SafeLinkError","error_message":"URL不在白名单内"}',
        'WX_CLOUD_CREDENTIAL_REFUSED: 微信令牌权限配置',
      ],
      [
        'no keys',
        200,
        '{"errcode":0,"TmpSecretKey":"verysecret"}',
        'WX_CLOUD_CREDENTIAL_UNAVAILABLE: TmpSecretId',
      ],
    ])('explains %s', async (_, status, body, expected) => {
      const [code, remedy] = expected.split(': ');
      const { url } = await serveResponse(body, { status });
      const { source } = open({ type: 'container' }, { ...startClock(), url });
      const failing = source.get(NEVER);
      await expect(failing).rejects.toMatchObject({
        code,
        message: expect.stringMatching(`^(?!.*verysecret).*${remedy}`),
      });
    });
  });

  it('makes one fetch for any number of callers', async () => {
    const { time, clock } = startClock();
    const getKeys = countingKeys(time);
    const { source } = open({ type: 'function', getKeys }, { clock });
    const found = await Promise.all(Array.from({ length: 50 }, () => source.get(NEVER)));
    expect(new Set(found.map(({ keys }) => keys.secretId))).toEqual(new Set(['id-1']));
    expect(getKeys).toHaveBeenCalledTimes(1);
  });

  it('renews keys early in the background, and serves the old ones meanwhile', async () => {
    const { time, clock } = startClock();
    const getKeys = countingKeys(time);
    const { source } = open({ type: 'function', getKeys }, { clock });
    await source.get(NEVER);
    // A tenth of half an hour is less than five minutes.
    time.nowMs += (HALF_HOUR_S - 181) * 1000;
    await source.get(NEVER);
    expect(getKeys).toHaveBeenCalledTimes(1);
    time.nowMs += 2_000;
    const { keys } = await source.get(NEVER);
    expect(keys.secretId).toBe('id-1');
    expect(getKeys).toHaveBeenCalledTimes(2);
    await new Promise(setImmediate);
    expect((await source.get(NEVER)).keys.secretId).toBe('id-2');
  });

  it('keeps valid keys while their renewal fails, and says so', async () => {
    const { time, clock } = startClock();
    const getKeys = countingKeys(time);
    const { source, onRenewalFailed } = open({ type: 'function', getKeys }, { clock });
    await source.get(NEVER);
    getKeys.mockImplementation(() => Promise.reject(new Error('down')));
    time.nowMs += (HALF_HOUR_S - 60) * 1000;
    await source.get(NEVER);
    await new Promise(setImmediate);
    expect((await source.get(NEVER)).keys.secretId).toBe('id-1');
    expect(onRenewalFailed).toHaveBeenCalledTimes(1);
    expect(getKeys).toHaveBeenCalledTimes(2);
  });

  it('does not remember a failed fetch', async () => {
    const { time, clock } = startClock();
    const getKeys = countingKeys(time);
    getKeys.mockImplementationOnce(() => Promise.reject(new Error('down')));
    const { source } = open({ type: 'function', getKeys }, { clock });
    await expect(source.get(NEVER)).rejects.toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
    });
    expect((await source.get(NEVER)).keys.secretId).toBe('id-1');
  });

  it('shows no field of an error of the function, which may have the whole request', async () => {
    const config = { headers: { authorization: 'Hid-den_Va1ue' } };
    const failure = Object.assign(new Error('503 of https://u:Hid-den_Va1ue@keys'), { config });
    const getKeys = (): Promise<never> => Promise.reject(failure);
    const { source } = open({ type: 'function', getKeys }, startClock());
    const error = await failureOf(source.get(NEVER));
    expect(everythingShownBy(error)).not.toContain('Hid-den_Va1ue');
    expect(error.cause).toMatchObject({ message: '503 of https://[redacted]@keys' });
  });

  it('ends a call of the function that takes too long, and names it', async () => {
    const { clock } = startClock();
    const getKeys = (): Promise<never> => new Promise(() => {});
    const { source } = open({ type: 'function', getKeys }, { clock, tokenMs: 20 });
    await expect(source.get(NEVER)).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
      phase: 'token',
      endpoint: 'cos.credentials',
    });
  });

  it('ends a fetch when the storage closes', async () => {
    const { clock } = startClock();
    const getKeys = (): Promise<never> => new Promise(() => {});
    const { source } = open({ type: 'function', getKeys }, { clock });
    const pending = source.get(NEVER);
    source.close();
    await expect(pending).rejects.toMatchObject({
      code: 'WX_CLOUD_STORAGE_CLOSED',
      endpoint: 'cos.credentials',
    });
  });

  it('drops refused keys once for all that hold them', async () => {
    const { time, clock } = startClock();
    const getKeys = countingKeys(time);
    const { source } = open({ type: 'function', getKeys }, { clock });
    const { keys } = await source.get(NEVER);
    expect(source.drop(keys)).toBe(true);
    expect((await source.get(NEVER)).keys.secretId).toBe('id-2');
    expect(source.drop(keys)).toBe(true);
    await source.get(NEVER);
    expect(getKeys).toHaveBeenCalledTimes(2);
  });

  it('keeps refused keys for a while when new ones are refused again and again', async () => {
    const { time, clock } = startClock();
    const { source } = open({ type: 'function', getKeys: countingKeys(time) }, { clock });
    const dropHeld = async (): Promise<boolean> => source.drop((await source.get(NEVER)).keys);
    const inTurn = [await dropHeld(), await dropHeld(), await dropHeld(), await dropHeld()];
    expect(inTurn).toEqual([true, true, true, false]);
    time.nowMs += 10_001;
    await expect(dropHeld()).resolves.toBe(true);
  });

  it('replaces refused keys any number of times while others are accepted in between', async () => {
    const { time, clock } = startClock();
    const { source } = open({ type: 'function', getKeys: countingKeys(time) }, { clock });
    const dropAccepted = async (): Promise<boolean> => {
      const { keys } = await source.get(NEVER);
      source.confirm();
      return source.drop(keys);
    };
    for (let round = 0; round < 5; round += 1) await expect(dropAccepted()).resolves.toBe(true);
  });

  it('uses keys for a while that seem to have ended, as the own clock may be wrong', async () => {
    const { time, clock } = startClock();
    const getKeys = jest.fn<CosKeysFunction>(() => ({
      secretId: 'id',
      secretKey: 'key',
      expiresAt: new Date(time.nowMs - 1),
    }));
    const { source } = open({ type: 'function', getKeys }, { clock });
    await source.get(NEVER);
    await source.get(NEVER);
    expect(getKeys).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['nothing', undefined],
    ['no key', { secretId: 'id', expiresAt: new Date() }],
    ['no end', { secretId: 'id', secretKey: 'key' }],
    ['an end in seconds', { secretId: 'id', secretKey: 'key', expiresAt: 1_800_000_000 }],
    ['an empty token', { secretId: 'id', secretKey: 'key', token: '', expiresAt: new Date() }],
  ])('refuses %s of a function', async (_, result) => {
    const { source } = open({ type: 'function', getKeys: () => result }, startClock());
    await expect(source.get(NEVER)).rejects.toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
      message: expect.stringContaining('expiresAt: Date'),
    });
  });

  it('returns a fixed pair, which nothing replaces', async () => {
    const keys = { secretId: 'id', secretKey: new Secret('key'), token: undefined };
    const { source } = open({ type: 'keys', keys }, startClock());
    expect((await source.get(NEVER)).keys).toBe(keys);
    expect(source.drop(keys)).toBe(false);
  });
});
