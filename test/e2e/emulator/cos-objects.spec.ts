import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import {
  startWxCloudEmulator,
  type WxCloudEmulator,
  type WxCloudEmulatorCosOptions,
} from '../../../lib/emulator/index.js';
import { until } from '../../support/until.js';
import { callApi, fetchDownloadItem, store } from './support/cloud-client.js';
import {
  authorizationOf,
  callCos,
  type CosCall,
  fetchCosKeys,
  fetchMetaId,
  PERMANENT_KEYS,
} from './support/cos-signer.js';
import { type RawResponse, readCosError, send } from './support/raw-http.js';

const PAIR = PERMANENT_KEYS;
const KEY = '照片/a b!.txt';

const cos = { keys: [PERMANENT_KEYS] };
let shared: WxCloudEmulator;
let emulator: WxCloudEmulator;
/** Uses another emulator for the rest of a test. */
const startWith = async (options: WxCloudEmulatorCosOptions): Promise<void> => {
  emulator = await startWxCloudEmulator({ cos: { ...cos, ...options } });
};
beforeAll(async () => {
  shared = await startWxCloudEmulator({ cos });
});
beforeEach(() => {
  emulator = shared;
});
afterEach(async () => {
  await shared.reset();
  await [emulator].find(one => one !== shared)?.close();
});
afterAll(() => shared.close());

const md5 = (content: Buffer | string): Buffer => createHash('md5').update(content).digest();
const call = (method: string, more: CosCall = {}): Promise<RawResponse> =>
  callCos(emulator, { method, key: KEY, ...more });
const put = (body: Buffer | string, headers: Record<string, string> = {}): Promise<RawResponse> =>
  call('PUT', {
    body,
    headers: { 'content-length': String(Buffer.byteLength(body)), ...headers },
  });
const codeOf = (response: RawResponse): unknown => [response.status, readCosError(response).code];

describe('PUT of an object', () => {
  it('stores it and returns its MD5 and its CRC-64', async () => {
    const response = await put('123456789');
    expect(response).toMatchObject({ status: 200, text: '' });
    expect(response.headers).toMatchObject({
      etag: `"${md5('123456789').toString('hex')}"`,
      'x-cos-hash-crc64ecma': '11051210869376104954',
      'x-cos-request-id': expect.stringMatching(/./),
    });
    expect(emulator.objects).toMatchObject([
      { cloudPath: KEY, size: 9, contentType: 'application/octet-stream', fileIdAlive: false },
    ]);
    expect(emulator.journal.at(-1)).toMatchObject({
      operation: 'put-object',
      cloudPaths: [KEY],
      requestBytes: 9,
      status: 200,
    });
  });

  it('makes the file ID work with the encoded value of the path', async () => {
    await put('content', { 'x-cos-meta-fileid': await fetchMetaId(emulator, `/${KEY}`) });
    const [object] = emulator.objects;
    expect(object).toMatchObject({ fileIdAlive: true });
    expect(await fetchDownloadItem(emulator, String(object?.fileId))).toMatchObject({ status: 0 });
  });

  it('leaves the file ID dead with the value of another path', async () => {
    await put('content', { 'x-cos-meta-fileid': await fetchMetaId(emulator, 'b.txt') });
    expect(emulator.objects).toMatchObject([{ fileIdAlive: false }]);
  });

  it('accepts a chunked body', async () => {
    const response = await call('PUT', {
      body: 'content',
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect(response.status).toBe(200);
    expect(await emulator.readObject(KEY)).toEqual(Buffer.from('content'));
  });

  it('requires a length or chunks', async () => {
    const headers = { host: new URL(emulator.url).host };
    const parts = Object.entries(authorizationOf(PAIR, { method: 'PUT', key: 'a', headers }));
    const authorization = parts.map(([name, value]) => `${name}=${value}`).join('&');
    const socket = connect(Number(new URL(emulator.url).port), '127.0.0.1');
    const answered = new Promise<string>(resolve => {
      socket.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    });
    socket.write(`PUT /${emulator.bucket}/a HTTP/1.1\r\nHost: ${headers.host}\r\n`);
    socket.write(`Authorization: ${authorization}\r\n\r\n`);
    expect(await answered).toContain('411 Length Required');
    socket.destroy();
  });

  it.each([
    ['content-length', '100'],
    ['transfer-encoding', 'chunked'],
  ])('stores nothing of a body that breaks off, with %s', async (name, value) => {
    const keys = await fetchCosKeys(emulator);
    const headers = { host: new URL(emulator.url).host, [name]: value };
    const parts = Object.entries(authorizationOf(keys, { method: 'PUT', key: 'a', headers }));
    const authorization = parts.map(([part, text]) => `${part}=${text}`).join('&');
    const socket = connect(Number(new URL(emulator.url).port), '127.0.0.1');
    const lines = Object.entries({
      ...headers,
      authorization,
      'x-cos-security-token': String(keys.securityToken),
    }).map(([header, text]) => `${header}: ${text}\r\n`);
    socket.write(`PUT /${emulator.bucket}/a HTTP/1.1\r\n${lines.join('')}\r\n3\r\nabc\r\n`);
    socket.end();
    await until(() => emulator.journal.some(({ operation }) => operation === 'put-object'));
    expect(emulator.journal.at(-1)).toMatchObject({ status: 0, aborted: true });
    expect(emulator.objects).toEqual([]);
  });

  it.each([
    ['another body', md5('other').toString('base64'), 'BadDigest'],
    ['no digest', 'nonsense', 'InvalidDigest'],
  ])('refuses the Content-MD5 of %s', async (_, digest, code) => {
    expect(codeOf(await put('content', { 'content-md5': digest }))).toEqual([400, code]);
    expect(emulator.objects).toEqual([]);
    expect(
      (await put('content', { 'content-md5': md5('content').toString('base64') })).status,
    ).toBe(200);
  });

  it('stores one of several concurrent objects that must not replace another', async () => {
    const responses = await Promise.all(
      [1, 2, 3].map(at => put(`content ${at}`, { 'x-cos-forbid-overwrite': 'true' })),
    );
    expect(responses.map(codeOf).toSorted()).toEqual([
      [200, undefined],
      [409, 'FileAlreadyExists'],
      [409, 'FileAlreadyExists'],
    ]);
  });

  it('replaces an object of a bucket with versioning in any case', async () => {
    await startWith({ versioning: true });
    await put('one');
    const response = await put('two', { 'x-cos-forbid-overwrite': 'true' });
    expect(response.status).toBe(200);
    expect(response.headers['x-cos-version-id']).toMatch(/^[\da-f]{32}$/);
    expect(await emulator.readObject(KEY)).toEqual(Buffer.from('two'));
  });

  it('refuses metadata of more than 4 KiB', async () => {
    const value = 'x'.repeat(2_000);
    const headers = { 'x-cos-meta-a': value, 'x-cos-meta-b': value, 'x-cos-meta-c': value };
    expect(codeOf(await put('content', headers))).toEqual([400, 'KeyTooLong']);
  });
});

describe('HEAD and GET of an object', () => {
  const METADATA = {
    'content-type': 'text/plain',
    'cache-control': 'max-age=60',
    'content-disposition': 'inline; filename="a.txt"',
    'x-cos-meta-colour': 'blue',
  };

  it.each(['HEAD', 'GET'])('%s returns the metadata', async method => {
    await put('123456789', METADATA);
    const response = await call(method);
    expect(response.status).toBe(200);
    expect(response.headers).toMatchObject({
      ...METADATA,
      'content-length': '9',
      'x-cos-hash-crc64ecma': '11051210869376104954',
      etag: `"${md5('123456789').toString('hex')}"`,
    });
  });

  it('returns the metadata of a form too', async () => {
    await store(emulator, KEY, 'content');
    expect((await call('HEAD')).headers['x-cos-meta-fileid']).toMatch(/./);
  });

  it('returns ranges', async () => {
    await put('123456789');
    expect(await call('GET', { headers: { range: 'bytes=2-3' } })).toMatchObject({
      status: 206,
      text: '34',
    });
  });

  it.each([
    ['if-match', '"other"', 412],
    ['if-match', '*', 200],
    ['if-none-match', '*', 304],
    ['if-none-match', '"other"', 200],
    ['if-modified-since', new Date(Date.now() + 60_000).toUTCString(), 304],
    ['if-modified-since', 'Thu, 01 Jan 1970 00:00:00 GMT', 200],
    ['if-unmodified-since', 'Thu, 01 Jan 1970 00:00:00 GMT', 412],
    ['if-unmodified-since', new Date(Date.now() + 60_000).toUTCString(), 200],
  ])('with %s: %s return %i', async (name, value, status) => {
    await put('123456789');
    expect((await call('HEAD', { headers: { [name]: value } })).status).toBe(status);
    expect((await call('GET', { headers: { [name]: value } })).status).toBe(status);
  });

  it('uses the response parameters of a signed request', async () => {
    await put('content', METADATA);
    const query = { 'response-content-type': 'image/png', 'response-cache-control': 'no-store' };
    expect((await call('GET', { query })).headers).toMatchObject({
      'content-type': 'image/png',
      'cache-control': 'no-store',
    });
  });

  it('forces downloads with the option', async () => {
    await startWith({ forceDownload: true });
    await put('content', METADATA);
    expect((await call('GET')).headers).toMatchObject({
      'x-cos-force-download': 'true',
      'content-disposition': 'attachment',
    });
  });

  it('returns 404 for a missing object', async () => {
    expect(codeOf(await call('GET'))).toEqual([404, 'NoSuchKey']);
    expect(await call('HEAD')).toMatchObject({ status: 404, text: '' });
  });
});

describe('DELETE of an object', () => {
  it('deletes it, and does not miss it afterwards', async () => {
    await put('content');
    expect((await call('DELETE')).status).toBe(204);
    expect(emulator.objects).toEqual([]);
    expect((await call('DELETE')).status).toBe(204);
  });
});

describe('the addresses of the bucket', () => {
  const hostOf = (): string => `${emulator.bucket}.cos.ap-shanghai.myqcloud.com`;

  it.each([
    [
      'the endpoint, with the whole path signed',
      () => ({ signedPath: `/${emulator.bucket}/${KEY}` }),
    ],
    ['the emulator, with a signature', () => ({ base: emulator.url })],
    [
      'the host name of the bucket',
      () => ({ base: emulator.url, headers: { host: hostOf(), 'content-length': '7' } }),
    ],
  ])('are %s', async (_, toCall) => {
    const more = { headers: { 'content-length': '7' }, ...toCall() };
    expect((await call('PUT', { body: 'content', ...more })).status).toBe(200);
    expect(emulator.objects).toMatchObject([{ cloudPath: KEY }]);
  });

  it('do not include another bucket', async () => {
    const base = `${emulator.url}/other-1300000001`;
    expect(codeOf(await call('GET', { base }))).toEqual([404, 'NoSuchBucket']);
    const host = 'other-1300000001.cos.ap-shanghai.myqcloud.com';
    const elsewhere = { base: emulator.url, headers: { host } };
    expect(codeOf(await call('GET', elsewhere))).toEqual([404, 'NoSuchBucket']);
  });
});

describe('the signature of a request', () => {
  beforeEach(() => put('content'));

  it('may come from permanent keys', async () => {
    expect((await call('GET', { keys: PAIR })).text).toBe('content');
  });

  it('may be in the URL', async () => {
    const { securityToken = '', ...keys } = await fetchCosKeys(emulator);
    const query = { 'x-cos-security-token': securityToken };
    const signature = authorizationOf(keys, { key: KEY, query: {} });
    const search = new URLSearchParams({ ...signature, ...query });
    const url = `${emulator.cosEndpoint}/${encodeURIComponent(KEY).replace('%2F', '/')}?${search}`;
    expect((await send(url)).text).toBe('content');
    expect(codeOf(await send(url.replace('a%20b', 'c')))).toEqual([403, 'SignatureDoesNotMatch']);
  });

  it('is required', async () => {
    expect(codeOf(await send(`${emulator.cosEndpoint}/a`))).toEqual([403, 'AccessDenied']);
  });

  it.each([
    ['a wrong key', { keys: { ...PAIR, secretKey: 'wrong' } }, 403, 'SignatureDoesNotMatch'],
    ['another path', { signedPath: '/b' }, 403, 'SignatureDoesNotMatch'],
    ['an unknown ID', { keys: { ...PAIR, secretId: 'AKIDunknown' } }, 403, 'InvalidAccessKeyId'],
    ['an old signature', { skew: -601 }, 403, 'AccessDenied'],
    ['a fast clock', { skew: 960 }, 403, 'RequestTimeTooSkewed'],
  ])('is refused with %s', async (_, more, status, code) => {
    const response = await call('GET', more);
    expect(codeOf(response)).toEqual([status, code]);
  });

  it('is refused without the security token of temporary keys', async () => {
    const { securityToken, ...keys } = await fetchCosKeys(emulator);
    expect(codeOf(await call('GET', { keys }))).toEqual([403, 'InvalidAccessKeyId']);
    const other = { ...keys, securityToken: `x${securityToken}` };
    expect(codeOf(await call('GET', { keys: other }))).toEqual([403, 'InvalidAccessKeyId']);
  });

  it('is refused after the temporary keys have expired', async () => {
    const keys = await fetchCosKeys(emulator);
    emulator.expireCosKeys();
    expect(codeOf(await call('GET', { keys }))).toEqual([400, 'ExpiredToken']);
    expect((await call('GET')).status).toBe(200);
  });

  it('covers the headers that it lists', async () => {
    const signature = authorizationOf(PAIR, { key: KEY, headers: { 'x-cos-meta-a': '1' } });
    const authorization = Object.entries(signature)
      .map(pair => pair.join('='))
      .join('&');
    const url = `${emulator.cosEndpoint}/${encodeURIComponent(KEY)}`;
    const sendWith = (value: string): Promise<RawResponse> =>
      send(url, { headers: { authorization, 'x-cos-meta-a': value } });
    expect((await sendWith('1')).status).toBe(200);
    expect(codeOf(await sendWith('2'))).toEqual([403, 'SignatureDoesNotMatch']);
  });
});

describe('cos.denied', () => {
  it('takes the right to an operation away', async () => {
    await startWith({ denied: ['put-object'] });
    expect(codeOf(await put('content'))).toEqual([403, 'AccessDenied']);
    expect(codeOf(await call('GET'))).toEqual([404, 'NoSuchKey']);
  });

  it('does not concern links', async () => {
    await startWith({ denied: ['get-object'] });
    const fileid = await store(emulator, KEY, 'content');
    const reply = await callApi(emulator, '/tcb/batchdownloadfile', {
      file_list: [{ fileid, max_age: 60 }],
    });
    const [{ download_url: url }] = reply['file_list'] as [{ download_url: string }];
    expect((await send(url)).text).toBe('content');
  });
});

describe('a page', () => {
  it('may send a presigned PUT', async () => {
    const origin = 'http://localhost:3000';
    const response = await send(`${emulator.cosEndpoint}/a`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT' },
    });
    expect(response.status).toBe(200);
    expect(response.headers['access-control-allow-methods']).toContain('PUT');
    const large = randomBytes(10_000);
    const sent = await put(large, { origin });
    expect(sent.headers['access-control-allow-origin']).toBe(origin);
  });
});
