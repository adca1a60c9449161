import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import {
  callApi,
  deleteFiles,
  fetchDownloadItem,
  fetchLink,
  fetchToken,
  fieldsOf,
  postForm,
  store,
} from './support/cloud-client.js';
import { send } from './support/raw-http.js';

let emulator: WxCloudEmulator;
beforeAll(async () => {
  emulator = await startWxCloudEmulator();
});
afterAll(() => emulator.close());

const BODIES: Record<string, object> = {
  '/tcb/uploadfile': { path: 'a.png' },
  '/tcb/batchdownloadfile': { file_list: [{ fileid: 'cloud://a.b/c', max_age: 60 }] },
  '/tcb/batchdeletefile': { fileid_list: ['cloud://a.b/c'] },
};

describe.each(Object.keys(BODIES))('POST %s', path => {
  const body = (): string => JSON.stringify({ env: emulator.env, ...BODIES[path] });

  it.each([
    ['GET', async () => ({ method: 'GET', body: '' }), 43002],
    ['no token', async () => ({ token: '' }), 41001],
    ['a token that was never issued', async () => ({ token: 'nonsense' }), 40014],
    ['an empty body', async () => ({ body: '' }), 44002],
    ['a body that is no JSON', async () => ({ body: '{"env":' }), 47001],
    ['a body that is no object', async () => ({ body: '"text"' }), 47001],
    ['a body of more than a megabyte', async () => ({ body: ' '.repeat(1_100_000) }), 47001],
    ['no env', async () => ({ body: JSON.stringify(BODIES[path]) }), 40101],
    [
      'an env that is no text',
      async () => ({ body: JSON.stringify({ ...BODIES[path], env: 1 }) }),
      40097,
    ],
    [
      'another env',
      async () => ({ body: JSON.stringify({ ...BODIES[path], env: 'other' }) }),
      -501005,
    ],
    ['nothing but the env', async () => ({ body: JSON.stringify({ env: emulator.env }) }), 40101],
  ])('rejects %s', async (_, change, errcode) => {
    const given = {
      method: 'POST',
      token: await fetchToken(emulator),
      body: body(),
      ...(await change()),
    };
    const { token, ...init } = given;
    const response = await send(`${emulator.url}${path}?access_token=${token}`, init);
    expect(response.status).toBe(200);
    expect(JSON.parse(response.text)).toEqual({
      errcode,
      errmsg: expect.stringMatching(/ rid: [\da-f-]+$/),
    });
  });

  it('returns 42001 for an expired token', async () => {
    const token = await fetchToken(emulator);
    emulator.expireTokens();
    const response = await send(`${emulator.url}${path}?access_token=${token}`, {
      method: 'POST',
      body: body(),
    });
    expect(JSON.parse(response.text)).toMatchObject({ errcode: 42001 });
    expect(await fetchToken(emulator)).not.toBe(token);
  });
});

describe('POST /tcb/uploadfile', () => {
  it.each([
    ['an empty path', '', 40101],
    ['a path that is no text', 7, 40097],
    ['a leading slash', '/a', 40097],
    ['two slashes in a row', 'a//b', 40097],
    ['a segment ..', 'a/../b', 40097],
    ['a segment .', './b', 40097],
    ['character 24', 'a\u0018', 40097],
    ['character 27', 'a\u001b', 40097],
    ['half a surrogate pair', 'a\ud83d', 40097],
    ['851 bytes', 'a'.repeat(851), 40097],
    ['95 Chinese characters', '汉'.repeat(95), 40097],
  ])('rejects %s', async (_, path, errcode) => {
    expect(await callApi(emulator, '/tcb/uploadfile', { path })).toMatchObject({ errcode });
  });

  it.each(['a', 'a'.repeat(850), '汉'.repeat(94), 'a b/c+d%20&=?#"😀.png', '.hidden', 'a..b'])(
    'accepts the path %j and returns a link to it',
    async path => {
      const link = await fetchLink(emulator, path);
      expect(link.file_id).toBe(`cloud://${emulator.env}.${emulator.bucket}/${path}`);
      const encoded = path.split('/').map(encodeURIComponent).join('/');
      expect(link.url).toBe(`${emulator.url}/${emulator.bucket}/${encoded}`);
    },
  );

  it('returns a signature with a window of 900 seconds', async () => {
    const { authorization } = await fetchLink(emulator, 'a');
    const [start, end] = String(new URLSearchParams(authorization).get('q-sign-time')).split(';');
    expect(Number(end) - Number(start)).toBe(900);
  });

  it('returns new credentials each time', async () => {
    const [one, other] = [await fetchLink(emulator, 'a'), await fetchLink(emulator, 'a')];
    expect(one.token).not.toBe(other.token);
    expect(one.cos_file_id).not.toBe(other.cos_file_id);
  });
});

describe('POST /tcb/batchdownloadfile', () => {
  const item = { fileid: 'cloud://a.b/c', max_age: 60 };

  it.each([
    ['51 items', Array.from({ length: 51 }, () => item), 40097],
    ['300 items', Array.from({ length: 300 }, () => item), 40097],
    ['no item', [], 40097],
    ['a list that is none', item, 40097],
    ['an item that is a text', ['cloud://a.b/c'], 40097],
    ['an item without fileid', [{ max_age: 60 }], 40101],
    ['an item without max_age', [{ fileid: 'cloud://a.b/c' }], 40101],
    ['a max_age that is a text', [{ ...item, max_age: '60' }], 40097],
    ['a max_age of 0', [{ ...item, max_age: 0 }], 40097],
    ['a max_age of more than a day', [{ ...item, max_age: 86_401 }], 40097],
  ])('rejects %s', async (_, file_list, errcode) => {
    const response = await callApi(emulator, '/tcb/batchdownloadfile', { file_list });
    expect(response).toMatchObject({ errcode });
  });

  it('returns 50 items in the order of the request, including failures', async () => {
    const fileId = await store(emulator, 'batch.txt', 'content');
    const pair = [fileId, `${fileId}.missing`];
    const file_list = Array.from({ length: 25 }, () => pair)
      .flat()
      .map(fileid => ({ fileid, max_age: 60 }));
    const response = await callApi(emulator, '/tcb/batchdownloadfile', { file_list });
    const items = response['file_list'] as { fileid: string; status: number }[];
    expect(response['errcode']).toBe(0);
    expect(items.map(({ fileid }) => fileid)).toEqual(file_list.map(({ fileid }) => fileid));
    expect(items.map(({ status }) => status)).toEqual(file_list.map((_, index) => index % 2));
  });
});

describe('POST /tcb/batchdeletefile', () => {
  it.each([
    ['51 items', Array.from({ length: 51 }, () => 'cloud://a.b/c'), 40097],
    ['no item', [], 40097],
    ['an item that is no text', [7], 40097],
    ['an item that is empty', [''], 40101],
  ])('rejects %s', async (_, fileid_list, errcode) => {
    const response = await callApi(emulator, '/tcb/batchdeletefile', { fileid_list });
    expect(response).toMatchObject({ errcode });
  });

  it('deletes the object, and reports it missing the second time', async () => {
    const fileId = await store(emulator, 'delete.txt', 'content');
    expect(await deleteFiles(emulator, [fileId, fileId])).toEqual([
      { fileid: fileId, status: 0, errmsg: 'ok' },
      { fileid: fileId, status: 1, errmsg: 'STORAGE_FILE_NONEXIST' },
    ]);
    expect(emulator.objects.map(({ cloudPath }) => cloudPath)).not.toContain('delete.txt');
  });

  it('deletes an object whose file ID is dead', async () => {
    const link = await fetchLink(emulator, 'dead.txt');
    await postForm(link.url, [...fieldsOf(link).slice(0, 3), ['file', 'x']]);
    expect(await deleteFiles(emulator, [link.file_id])).toMatchObject([{ status: 0 }]);
    expect(emulator.objects.map(({ cloudPath }) => cloudPath)).not.toContain('dead.txt');
  });
});

describe('a file ID in a batch', () => {
  it.each([
    ['of another environment', ({ bucket }: WxCloudEmulator) => `cloud://other.${bucket}/x.txt`],
    ['of another bucket', ({ env }: WxCloudEmulator) => `cloud://${env}.other-1300000000/x.txt`],
  ])('%s is an error of its item, and nothing is deleted', async (_, toFileId) => {
    await store(emulator, 'x.txt', 'content');
    const fileid = toFileId(emulator);
    const refused = { fileid, status: 1, errmsg: 'STORAGE_EXCEED_AUTHORITY' };
    expect(await fetchDownloadItem(emulator, fileid)).toEqual({ ...refused, download_url: '' });
    expect(await deleteFiles(emulator, [fileid])).toEqual([refused]);
    expect((await emulator.readObject('x.txt')).toString()).toBe('content');
  });

  it.each([
    ['without a bucket', ({ env }: WxCloudEmulator) => `cloud://${env}/x.txt`],
    ['without a path', ({ env, bucket }: WxCloudEmulator) => `cloud://${env}.${bucket}/`],
    ['with ..', ({ env, bucket }: WxCloudEmulator) => `cloud://${env}.${bucket}/a/../x.txt`],
    ['that is none', () => 'https://example.com/x.txt'],
  ])('%s is an error of its item', async (_, toFileId) => {
    const fileid = toFileId(emulator);
    const item = { fileid, status: 1, errmsg: 'INVALID_FILEID' };
    expect(await fetchDownloadItem(emulator, fileid)).toEqual({ ...item, download_url: '' });
    expect(await deleteFiles(emulator, [fileid])).toEqual([item]);
  });
});
