import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { fetchDownloadItem } from './support/cloud-client.js';
import { type CosCall, callCos, fetchMetaId, PERMANENT_KEYS } from './support/cos-signer.js';
import { type RawResponse, readCosError } from './support/raw-http.js';

let emulator: WxCloudEmulator;
beforeAll(async () => {
  emulator = await startWxCloudEmulator({ cos: { keys: [PERMANENT_KEYS] } });
});
afterEach(() => emulator.reset());
afterAll(() => emulator.close());

const call = (method: string, more: CosCall = {}): Promise<RawResponse> =>
  callCos(emulator, { method, keys: PERMANENT_KEYS, ...more });
const put = (
  key: string,
  body = 'content',
  headers: Record<string, string> = {},
): Promise<RawResponse> =>
  call('PUT', {
    key,
    body,
    headers: { 'content-length': String(Buffer.byteLength(body)), ...headers },
  });
const codeOf = (response: RawResponse): unknown => [response.status, readCosError(response).code];
const allOf = ({ text }: RawResponse, name: string): readonly string[] =>
  [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, value = '']) => value);
const prefixesOf = ({ text }: RawResponse): readonly string[] =>
  [...text.matchAll(/<CommonPrefixes><Prefix>([^<]*)/g)].map(([, value = '']) => value);
const list = (query: Record<string, string> = {}): Promise<RawResponse> => call('GET', { query });
const md5 = (text: string): Buffer => createHash('md5').update(text).digest();

describe('GET of the bucket', () => {
  const KEYS = ['a', 'b/1', 'b/2', 'b/c/3', 'd', '中 文/é', '😀'];
  beforeEach(async () => {
    await Promise.all(KEYS.toReversed().map(key => put(key)));
  });

  it('lists all objects in UTF-8 order', async () => {
    const response = await list();
    expect(response.status).toBe(200);
    expect(allOf(response, 'Key')).toEqual(KEYS);
    expect(allOf(response, 'IsTruncated')).toEqual(['false']);
    expect(allOf(response, 'Size')).toEqual(KEYS.map(() => '7'));
    expect(allOf(response, 'ETag')).toEqual(KEYS.map(() => `"${md5('content').toString('hex')}"`));
    expect(allOf(response, 'StorageClass')).toEqual(KEYS.map(() => 'STANDARD'));
    expect(emulator.journal.at(-1)).toMatchObject({ operation: 'list-objects', status: 200 });
  });

  it('lists those with a prefix', async () => {
    expect(allOf(await list({ prefix: 'b/' }), 'Key')).toEqual(['b/1', 'b/2', 'b/c/3']);
    expect(allOf(await list({ prefix: '中 ' }), 'Key')).toEqual(['中 文/é']);
    expect(allOf(await list({ prefix: 'x' }), 'Key')).toEqual([]);
  });

  it('lists what keys have in common up to a delimiter', async () => {
    const all = await list({ delimiter: '/' });
    expect([allOf(all, 'Key'), prefixesOf(all)]).toEqual([
      ['a', 'd', '😀'],
      ['b/', '中 文/'],
    ]);
    const below = await list({ delimiter: '/', prefix: 'b/' });
    expect([allOf(below, 'Key'), prefixesOf(below)]).toEqual([['b/1', 'b/2'], ['b/c/']]);
  });

  it.each([1, 2, 3, 1_000])('returns everything once in pages of %i', async size => {
    const found: string[] = [];
    const query: Record<string, string> = { delimiter: '/', 'max-keys': String(size) };
    let isTruncated = 'true';
    while (isTruncated === 'true') {
      const page = await list(query);
      const rows = [...allOf(page, 'Key'), ...prefixesOf(page)];
      expect(rows.length).toBeLessThanOrEqual(size);
      found.push(...rows);
      query['marker'] = String(allOf(page, 'NextMarker')[0]);
      isTruncated = String(allOf(page, 'IsTruncated')[0]);
    }
    expect(found.toSorted()).toEqual(['a', 'b/', 'd', '中 文/', '😀'].toSorted());
  });

  it('percent-encodes keys on request', async () => {
    const response = await list({ prefix: '中 ', delimiter: '/', 'encoding-type': 'url' });
    expect(prefixesOf(response).map(decodeURIComponent)).toEqual(['中 文/']);
    expect(response.text).toContain('<Prefix>%E4%B8%AD%20</Prefix>');
    expect(allOf(response, 'EncodingType')).toEqual(['url']);
  });

  it.each([
    [{ 'max-keys': '-1' }, 400, 'InvalidArgument'],
    [{ 'encoding-type': 'xml' }, 400, 'InvalidArgument'],
    [{ acl: '' }, 501, 'NotImplemented'],
  ])('refuses %j', async (query, status, code) => {
    expect(codeOf(await list(query as unknown as Record<string, string>))).toEqual([status, code]);
  });

  it('returns nothing for max-keys=0', async () => {
    const response = await list({ 'max-keys': '0' });
    expect([allOf(response, 'Key'), allOf(response, 'IsTruncated')]).toEqual([[], ['false']]);
  });
});

describe('GET of the multipart uploads', () => {
  const initiate = async (key: string): Promise<string> =>
    String(allOf(await call('POST', { key, query: { uploads: '' } }), 'UploadId')[0]);

  it('lists them with their beginning, in pages, until they end', async () => {
    const ids = [
      await initiate('b'),
      await initiate('a'),
      await initiate('b'),
      await initiate('c/d'),
    ];
    const all = await list({ uploads: '' });
    expect(allOf(all, 'Key')).toEqual(['a', 'b', 'b', 'c/d']);
    expect(allOf(all, 'UploadId').toSorted()).toEqual(ids.toSorted());
    const [initiated = ''] = allOf(all, 'Initiated');
    expect(Math.abs(Date.now() - Date.parse(initiated))).toBeLessThan(60_000);
    const first = await list({ uploads: '', 'max-uploads': '2' });
    const rest = await list({
      uploads: '',
      'key-marker': String(allOf(first, 'NextKeyMarker')[0]),
      'upload-id-marker': String(allOf(first, 'NextUploadIdMarker')[0]),
    });
    expect(allOf(first, 'IsTruncated')).toEqual(['true']);
    expect([first, rest].flatMap(page => allOf(page, 'UploadId'))).toEqual(allOf(all, 'UploadId'));
    await call('DELETE', { key: 'a', query: { uploadId: String(allOf(all, 'UploadId')[0]) } });
    expect(allOf(await list({ uploads: '' }), 'Key')).toEqual(['b', 'b', 'c/d']);
  });

  it('selects by prefix and delimiter', async () => {
    await Promise.all(['a/b', 'a/c', 'd'].map(initiate));
    const response = await list({ uploads: '', delimiter: '/' });
    expect([allOf(response, 'Key'), prefixesOf(response)]).toEqual([['d'], ['a/']]);
    expect(allOf(await list({ uploads: '', prefix: 'a/' }), 'Key')).toEqual(['a/b', 'a/c']);
  });
});

describe('a copy', () => {
  const sourceOf = (
    key: string,
    host = `${emulator.bucket}.cos.ap-shanghai.myqcloud.com`,
  ): string => `${host}/${key.split('/').map(encodeURIComponent).join('/')}`;
  const copy = (
    to: string,
    from: string,
    headers: Record<string, string> = {},
  ): Promise<RawResponse> =>
    call('PUT', {
      key: to,
      headers: { 'content-length': '0', 'x-cos-copy-source': sourceOf(from), ...headers },
    });
  beforeEach(async () => {
    await put('源/a b', 'content', {
      'content-type': 'text/plain',
      'x-cos-meta-colour': 'blue',
      'x-cos-meta-fileid': await fetchMetaId(emulator, '源/a b'),
    });
  });

  it('has all metadata of its source, and therefore a dead file ID', async () => {
    const response = await copy('b', '源/a b');
    expect([response.status, allOf(response, 'ETag')]).toEqual([
      200,
      [`"${md5('content').toString('hex')}"`],
    ]);
    expect(await emulator.readObject('b')).toEqual(Buffer.from('content'));
    expect((await call('HEAD', { key: 'b' })).headers).toMatchObject({
      'content-type': 'text/plain',
      'x-cos-meta-colour': 'blue',
    });
    const fileid = `cloud://${emulator.env}.${emulator.bucket}/b`;
    expect(await fetchDownloadItem(emulator, fileid)).toMatchObject({
      errmsg: 'STORAGE_FILE_NONEXIST',
    });
    expect(emulator.journal.some(({ operation }) => operation === 'copy-object')).toBe(true);
  });

  it('has only the metadata of the request with Replaced', async () => {
    await copy('b', '源/a b', {
      'x-cos-metadata-directive': 'Replaced',
      'content-type': 'text/css',
      'x-cos-meta-fileid': await fetchMetaId(emulator, 'b'),
    });
    const { headers } = await call('HEAD', { key: 'b' });
    expect(headers).toMatchObject({ 'content-type': 'text/css' });
    expect(headers).not.toHaveProperty('x-cos-meta-colour');
    expect(emulator.objects.find(({ cloudPath }) => cloudPath === 'b')?.fileIdAlive).toBe(true);
  });

  it('onto itself replaces the metadata, or is refused', async () => {
    expect(codeOf(await copy('源/a b', '源/a b'))).toEqual([400, 'InvalidRequest']);
    const headers = { 'x-cos-metadata-directive': 'Replaced', 'content-type': 'text/css' };
    expect((await copy('源/a b', '源/a b', headers)).status).toBe(200);
    expect(emulator.objects).toMatchObject([{ contentType: 'text/css', fileIdAlive: false }]);
    expect(await emulator.readObject('源/a b')).toEqual(Buffer.from('content'));
  });

  it.each([
    ['a missing source', { 'x-cos-copy-source': () => sourceOf('x') }, 404, 'NoSuchKey'],
    [
      'another bucket',
      { 'x-cos-copy-source': () => sourceOf('a', 'b-1300000001.cos.ap-x.myqcloud.com') },
      404,
      'NoSuchBucket',
    ],
    ['no source', { 'x-cos-copy-source': () => 'nonsense' }, 400, 'InvalidArgument'],
    ['another directive', { 'x-cos-metadata-directive': () => 'Move' }, 400, 'InvalidArgument'],
    ['a condition', { 'x-cos-copy-source-if-match': () => '"x"' }, 412, 'PreconditionFailed'],
    [
      'a date',
      { 'x-cos-copy-source-if-unmodified-since': () => 'Thu, 01 Jan 1970 00:00:00 GMT' },
      412,
      'PreconditionFailed',
    ],
  ])('is refused with %s', async (_, toHeaders, status, code) => {
    const entries = Object.entries(toHeaders).map(([name, toValue]) => [name, toValue()]);
    const response = await copy('b', '源/a b', Object.fromEntries(entries));
    expect(codeOf(response)).toEqual([status, code]);
    expect(emulator.objects).toHaveLength(1);
  });

  it('does not replace an object if that is forbidden', async () => {
    await put('b', 'other');
    const response = await copy('b', '源/a b', { 'x-cos-forbid-overwrite': 'true' });
    expect(codeOf(response)).toEqual([409, 'FileAlreadyExists']);
    expect(await emulator.readObject('b')).toEqual(Buffer.from('other'));
  });

  it('accepts the path style and an encoded slash in the source', async () => {
    const host = new URL(emulator.url).host;
    const pathStyle = `${host}/${emulator.bucket}/${encodeURIComponent('源/a b')}`;
    expect((await copy('b', '', { 'x-cos-copy-source': pathStyle })).status).toBe(200);
  });

  it('fails with 200 by a fault', async () => {
    emulator.faults.add({
      operation: 'copy-object',
      effect: { kind: 'cos-error', cosCode: 'InternalError', status: 200 },
    });
    expect(codeOf(await copy('b', '源/a b'))).toEqual([200, 'InternalError']);
    expect(emulator.objects).toHaveLength(1);
  });
});

describe('POST of a list of objects to delete', () => {
  const documentOf = (keys: readonly string[], isQuiet: boolean): string =>
    `<Delete><Quiet>${isQuiet}</Quiet>${keys
      .map(key => `<Object><Key>${key.replace(/&/g, '&amp;')}</Key></Object>`)
      .join('')}</Delete>`;
  const deleteAll = (
    keys: readonly string[],
    { isQuiet = false, digest }: { isQuiet?: boolean; digest?: string } = {},
  ): Promise<RawResponse> => {
    const body = documentOf(keys, isQuiet);
    const headers = { 'content-md5': digest ?? md5(body).toString('base64') };
    return call('POST', { query: { delete: '' }, body, headers });
  };

  it('deletes them, and does not miss any', async () => {
    await Promise.all(['a&b', '中 文', 'c'].map(key => put(key)));
    const response = await deleteAll(['a&b', '中 文', 'x']);
    expect([response.status, allOf(response, 'Key')]).toEqual([200, ['a&amp;b', '中 文', 'x']]);
    expect(emulator.objects.map(({ cloudPath }) => cloudPath)).toEqual(['c']);
    expect(emulator.journal.at(-1)).toMatchObject({
      operation: 'delete-objects',
      cloudPaths: ['a&b', '中 文', 'x'],
    });
  });

  it('returns failures only if it is quiet', async () => {
    emulator.faults.add({
      operation: 'delete-objects',
      effect: { kind: 'item', status: 1, errmsg: 'AccessDenied', index: 1 },
    });
    await Promise.all(['a', 'b'].map(key => put(key)));
    const response = await deleteAll(['a', 'b'], { isQuiet: true });
    expect([allOf(response, 'Key'), allOf(response, 'Code')]).toEqual([['b'], ['AccessDenied']]);
    expect(emulator.objects).toMatchObject([{ cloudPath: 'b' }]);
    expect((await deleteAll(['b'], { isQuiet: true })).text).not.toContain('<Key>');
  });

  it('requires the right Content-MD5', async () => {
    const body = documentOf(['a'], false);
    const without = await call('POST', { query: { delete: '' }, body });
    expect(codeOf(without)).toEqual([400, 'InvalidRequest']);
    const digest = md5('other').toString('base64');
    expect(codeOf(await deleteAll(['a'], { digest }))).toEqual([400, 'BadDigest']);
  });

  it('takes 1 to 1000 keys', async () => {
    const keys = Array.from({ length: 1_001 }, (_, index) => `k${index}`);
    expect((await deleteAll(keys.slice(1))).status).toBe(200);
    expect(codeOf(await deleteAll(keys))).toEqual([400, 'MalformedXML']);
    expect(codeOf(await deleteAll([]))).toEqual([400, 'MalformedXML']);
    expect(codeOf(await deleteAll(['']))).toEqual([400, 'MalformedXML']);
  });
});
