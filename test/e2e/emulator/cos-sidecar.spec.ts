import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { callCos } from './support/cos-signer.js';
import { type RawResponse, send } from './support/raw-http.js';

let emulator: WxCloudEmulator;
beforeEach(async () => {
  emulator = await startWxCloudEmulator();
});
afterEach(() => emulator.close());

const getKeys = (base = emulator.sidecarUrl): Promise<RawResponse> => send(`${base}/_/cos/getauth`);
const post = async (path: string, value: unknown): Promise<Record<string, unknown>> => {
  const body = JSON.stringify(value);
  const { text } = await send(`${emulator.sidecarUrl}${path}`, { method: 'POST', body });
  return JSON.parse(text) as Record<string, unknown>;
};
const encode = (more: Record<string, unknown>): Promise<Record<string, unknown>> =>
  post('/_/cos/metaid/encode', { openid: '', bucket: emulator.bucket, ...more });

describe('/_/cos/getauth', () => {
  it('returns new temporary keys without an errcode', async () => {
    const [one, other] = [await getKeys(), await getKeys()];
    const reply = JSON.parse(one.text) as Record<string, unknown>;
    expect(Object.keys(reply)).toEqual(['TmpSecretId', 'TmpSecretKey', 'Token', 'ExpiredTime']);
    expect(one.headers['x-openapi-seqid']).toMatch(/./);
    expect(other.text).not.toBe(one.text);
    const left = Number(reply['ExpiredTime']) - Date.now() / 1_000;
    expect(left).toBeGreaterThan(1_790);
    expect(left).toBeLessThanOrEqual(1_800);
    expect(emulator.journal[0]).toMatchObject({ operation: 'cos-keys', via: 'sidecar' });
  });

  it('returns the end of their life as text, after the time of the options', async () => {
    await emulator.close();
    emulator = await startWxCloudEmulator({ cos: { keyTtlSeconds: 5, expiredTime: 'text' } });
    const reply = JSON.parse((await getKeys()).text) as Record<string, unknown>;
    expect(reply['ExpiredTime']).toMatch(/^\d{10}$/);
    expect(Number(reply['ExpiredTime']) - Date.now() / 1_000).toBeLessThanOrEqual(5);
  });

  it('is unknown to the public host', async () => {
    expect(await getKeys(emulator.url)).toMatchObject({ status: 404, text: '' });
  });

  it.each([
    ['no-sidecar', 404, ''],
    ['path-not-listed', 502, ''],
    ['path-refused', 200, expect.stringContaining('"errcode":85107')],
  ] as const)('fails with %s', async (name, status, text) => {
    emulator.misconfigure(name);
    expect(await getKeys()).toMatchObject({ status, text });
  });
});

describe('/_/cos/metaid', () => {
  it('encodes paths in order, with and without a slash, and decodes them', async () => {
    const paths = ['/照片/a.png', 'b.png'];
    const { errcode, respdata } = await encode({ openid: 'o-1', paths });
    expect(errcode).toBe(0);
    const values = (respdata as { x_cos_meta_field_strs: string[] }).x_cos_meta_field_strs;
    const decoded = await Promise.all(
      values.map(metaid => post('/_/cos/metaid/decode', { metaid })),
    );
    const { bucket } = emulator;
    expect(decoded).toEqual(
      paths.map(path => ({
        errcode: 0,
        errmsg: 'ok',
        respdata: {
          raw_data: {
            openid: 'o-1',
            path,
            bucket,
            appid: '1300000000',
            mpAppId: emulator.options.appid,
          },
          x_cos_meta_field_strs: [],
        },
      })),
    );
    expect(emulator.journal[0]).toMatchObject({
      operation: 'encode-metaid',
      cloudPaths: ['照片/a.png', 'b.png'],
    });
  });

  it('returns an empty list for no paths', async () => {
    expect(await encode({ paths: [] })).toMatchObject({ respdata: { x_cos_meta_field_strs: [] } });
  });

  it('encodes the longest path to a value that a header can hold', async () => {
    const path = '/'.concat('a'.repeat(850));
    const { respdata } = await encode({ openid: 'o'.repeat(28), paths: [path] });
    const [value = ''] = (respdata as { x_cos_meta_field_strs: string[] }).x_cos_meta_field_strs;
    const headers = { 'x-cos-meta-fileid': value, 'content-length': '0' };
    const sent = { method: 'PUT', key: path.slice(1), headers };
    expect((await callCos(emulator, sent)).status).toBe(200);
    expect(emulator.objects).toMatchObject([{ fileIdAlive: true }]);
  });

  it.each([
    ['another bucket', { bucket: 'other-1300000001', paths: ['a'] }, 40097],
    ['an invalid path', { paths: ['a', 'b//c'] }, 40097],
    ['no list', { paths: 'a' }, 40097],
    ['an openid that is no text', { openid: 1, paths: ['a'] }, 40097],
  ])('does not encode %s', async (_, request, errcode) => {
    expect(await encode(request)).toMatchObject({ errcode });
  });

  it.each(['', 'nonsense', 'a.b'])('does not decode %j', async metaid => {
    expect(await post('/_/cos/metaid/decode', { metaid })).toMatchObject({
      errcode: expect.any(Number),
    });
  });
});
