import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type WxCloudEmulatorMisconfiguration,
  startWxCloudEmulator,
  type WxCloudEmulator,
} from '../../../lib/emulator/index.js';
import type { TokenMisconfiguration } from '../../../lib/emulator/state/misconfigurations.js';
import type { SidecarMisconfiguration } from '../../../lib/emulator/state/misconfigurations.js';
import { SIDECAR_CERTIFICATE } from '../../../lib/emulator/server/http-servers.js';
import { callApi, fetchToken } from './support/cloud-client.js';
import { type RawResponse, send, sendJson } from './support/raw-http.js';

let emulator: WxCloudEmulator;
beforeEach(async () => {
  emulator = await startWxCloudEmulator();
});
afterEach(() => emulator.close());

type Json = Record<string, unknown>;

const RID = / rid: [\da-f]{8}-[\da-f]{8}-[\da-f]{8}$/;

/** Makes both token calls, by default with valid credentials. */
async function askTokens(change: Record<string, string> = {}): Promise<Json[]> {
  const { appid, secret } = emulator.options;
  const grant = { grant_type: 'client_credential', appid, secret, ...change };
  const classic = await send(`${emulator.url}/cgi-bin/token?${new URLSearchParams(grant)}`);
  const stable = await sendJson(`${emulator.url}/cgi-bin/stable_token`, grant);
  return [JSON.parse(classic.text) as Json, stable];
}

/** Requests an upload link from the sidecar. */
function askSidecar(query = '', { base = emulator.sidecarUrl } = {}): Promise<RawResponse> {
  const body = JSON.stringify({ env: emulator.env, path: 'a' });
  const ca = SIDECAR_CERTIFICATE;
  return send(`${base}/tcb/uploadfile${query}`, { method: 'POST', body, ca });
}

const withErrcode = (errcode: number): unknown => expect.objectContaining({ errcode });

const TOKEN_CODES: readonly (readonly [TokenMisconfiguration, number, string])[] = [
  [
    'ip-not-whitelisted',
    40164,
    'invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: ',
  ],
  ['ip-not-registered', 61004, 'access clientip is not registered'],
  ['wrong-secret', 40125, 'invalid appsecret'],
  ['secret-not-latest', 40001, 'invalid credential'],
  ['secret-frozen', 40243, 'frozen'],
  ['confirmation-needed', 89503, 'confirmation'],
  ['confirmation-refused', 89506, '24 hours'],
  ['confirmation-refused-for-an-hour', 89507, '1 hour'],
  ['quota-used-up', 45009, 'getStableAccessToken'],
  ['quota-of-the-minute', 45011, 'minute'],
];

describe.each(TOKEN_CODES)("misconfigure('%s')", (name, errcode, text) => {
  it(`refuses both token calls with ${errcode} until it is removed`, async () => {
    const refusal = { errcode, errmsg: expect.stringContaining(text) };
    const played = emulator.misconfigure(name);
    const responses = [...(await askTokens()), ...(await askTokens())];
    expect(responses).toEqual(responses.map(() => refusal));
    expect(responses.map(({ errmsg }) => errmsg)).toEqual(
      responses.map(() => expect.stringMatching(RID)),
    );
    played.remove();
    played.remove();
    expect(await askTokens()).toEqual([
      { access_token: expect.any(String), expires_in: 7200 },
      { access_token: expect.any(String), expires_in: 7200 },
    ]);
  });

  it('leaves earlier tokens valid and the sidecar unaffected', async () => {
    const token = await fetchToken(emulator);
    emulator.misconfigure(name);
    expect(await callApi(emulator, '/tcb/uploadfile', { path: 'a', token })).toMatchObject({
      errcode: 0,
    });
    expect(JSON.parse((await askSidecar()).text)).toMatchObject({ errcode: 0 });
  });
});

interface SidecarTrouble {
  readonly name: SidecarMisconfiguration;
  readonly status: number;
  /** The beginning of the body. */
  readonly start: string;
  readonly isRelayed: boolean;
  /** Its effect on a call with a valid token. */
  readonly effect: 'befalls' | 'spares';
}

const listed = { status: 200, isRelayed: true, effect: 'spares' } as const;
const SIDECAR_TROUBLES: readonly SidecarTrouble[] = [
  { name: 'no-sidecar', status: 404, start: '', isRelayed: false, effect: 'befalls' },
  { name: 'path-not-listed', status: 502, start: '', isRelayed: false, effect: 'befalls' },
  { ...listed, name: 'path-refused', start: '{"errcode":85107,', effect: 'befalls' },
  {
    ...listed,
    name: 'path-refused-by-safe-link',
    start: '{"error_code":85107,"error_type":"SafeLinkError",',
    effect: 'befalls',
  },
  {
    ...listed,
    name: 'sidecar-not-ready',
    start: '{"errcode":41001,"errmsg":"access_token missing rid: ',
    isRelayed: false,
  },
  { ...listed, name: 'secret-missing', start: '{"errcode":85112,' },
  { ...listed, name: 'token-not-ready', start: '{"errcode":85113,' },
];

describe.each(SIDECAR_TROUBLES)(
  "misconfigure('$name')",
  ({ name, status, start, isRelayed, effect }) => {
    const expectTrouble = (response: RawResponse): void => {
      expect(response.status).toBe(status);
      expect(response.text.slice(0, start.length)).toBe(start);
      expect(response.text === '').toBe(start === '');
      expect('x-openapi-seqid' in response.headers).toBe(isRelayed);
    };

    it('affects the sidecar by http and https until it is removed', async () => {
      const played = emulator.misconfigure(name);
      expectTrouble(await askSidecar());
      expectTrouble(await askSidecar('', { base: emulator.sidecarTlsUrl }));
      expect(emulator.journal).toMatchObject([
        { operation: 'upload-link', via: 'sidecar', status },
        { operation: 'upload-link', via: 'sidecar', status },
      ]);
      played.remove();
      expect(JSON.parse((await askSidecar()).text)).toMatchObject({ errcode: 0 });
    });

    it(`${effect} a call with a token of its own`, async () => {
      const token = await fetchToken(emulator);
      emulator.misconfigure(name);
      const { text } = await askSidecar(`?access_token=${token}`);
      expect(text.startsWith('{"errcode":0,')).toBe(effect === 'spares');
    });

    it("leaves the emulator's own address unaffected", async () => {
      emulator.misconfigure(name);
      expect(await callApi(emulator, '/tcb/uploadfile', { path: 'a' })).toMatchObject({
        errcode: 0,
      });
    });
  },
);

describe.each(['docs/emulator.md', 'docs/emulator.zh-CN.md'])('the table of %s', page => {
  it('lists every misconfiguration with its response', async () => {
    const text = await readFile(page, 'utf8');
    const rows = [
      ...text.matchAll(
        /^\| `([a-z-]+)` +\| (?:token|sidecar|令牌|边车)[^|]*\| (?:HTTP )?(\d{3,5})\b/gm,
      ),
    ];
    const documented = rows.map(([, name, code]) => [name, Number(code)]);
    const responses = SIDECAR_TROUBLES.map(({ name, status, start }) => [
      name,
      Number(/\d+/.exec(`${start} ${status}`)?.[0]),
    ]);
    const codes = TOKEN_CODES.map(([name, errcode]) => [name, errcode]);
    expect(documented.toSorted()).toEqual([...codes, ...responses].toSorted());
  });
});

describe('misconfigure', () => {
  it.each(['', 'wrong secret', 'toString', undefined])('rejects the name %j', name => {
    const misconfigure = (): unknown =>
      emulator.misconfigure(name as WxCloudEmulatorMisconfiguration);
    const names = [...TOKEN_CODES.map(([known]) => known), 'no-sidecar', 'token-not-ready'];
    expect(misconfigure).toThrow(TypeError);
    expect(misconfigure).toThrow(/^misconfigure: the name must be one of .*\.$/);
    names.forEach(known => expect(misconfigure).toThrow(known));
  });

  it('applies the first one added, and the next once that is removed', async () => {
    const first = emulator.misconfigure('secret-frozen');
    emulator.misconfigure('no-sidecar');
    emulator.misconfigure('ip-not-whitelisted');
    expect(await askTokens()).toEqual([withErrcode(40243), withErrcode(40243)]);
    first.remove();
    expect(await askTokens()).toEqual([withErrcode(40164), withErrcode(40164)]);
  });

  it('applies one until it was removed as often as it was added', async () => {
    const played = [emulator.misconfigure('no-sidecar'), emulator.misconfigure('no-sidecar')];
    played[0]?.remove();
    expect((await askSidecar()).status).toBe(404);
    played[1]?.remove();
    expect((await askSidecar()).status).toBe(200);
  });

  it('is ended by reset, and not by faults.clear', async () => {
    emulator.misconfigure('no-sidecar');
    emulator.faults.clear();
    expect((await askSidecar()).status).toBe(404);
    await emulator.reset();
    expect((await askSidecar()).status).toBe(200);
  });

  it('gives precedence to a fault', async () => {
    emulator.misconfigure('no-sidecar');
    emulator.faults.add({ operation: 'upload-link', effect: { kind: 'status', status: 503 } });
    expect([(await askSidecar()).status, (await askSidecar()).status]).toEqual([503, 404]);
  });

  it.each([
    [{ secret: '1'.repeat(32) }, 40125],
    [{ grant_type: 'password' }, 40002],
  ])('gives precedence to an error of the call itself: %j', async (change, errcode) => {
    emulator.misconfigure('ip-not-whitelisted');
    expect(await askTokens(change)).toEqual([withErrcode(errcode), withErrcode(errcode)]);
  });
});
