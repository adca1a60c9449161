import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { deleteFiles, fetchDownloadItem, store, storeAndLink } from './support/cloud-client.js';
import { readCosError, send } from './support/raw-http.js';
import { startTimedCloud } from './support/timed-cloud.js';

const CONTENT = '0123456789';
const ETAG = `"${createHash('md5').update(CONTENT).digest('hex')}"`;

let emulator: WxCloudEmulator;
let url: string;
beforeAll(async () => {
  emulator = await startWxCloudEmulator();
  url = await storeAndLink(emulator, '数 字/10.txt', CONTENT);
});
afterAll(() => emulator.close());

describe('GET of a link', () => {
  it('returns the object with its headers', async () => {
    const response = await send(url);
    expect(response).toMatchObject({ status: 200, text: CONTENT });
    expect(response.headers).toMatchObject({
      'content-length': '10',
      'content-type': 'application/octet-stream',
      'accept-ranges': 'bytes',
      etag: ETAG,
    });
    expect(Date.parse(String(response.headers['last-modified']))).not.toBeNaN();
  });

  it('ignores unknown parameters', async () => {
    expect((await send(`${url}&imageMogr2/thumbnail/!20p`)).text).toBe(CONTENT);
    expect((await send(url.replace('?', '?imageMogr2/rotate/90&'))).text).toBe(CONTENT);
  });

  it.each([
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=2-4', '234', 'bytes 2-4/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=7-99', '789', 'bytes 7-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=-99', CONTENT, 'bytes 0-9/10'],
  ])('returns the range %s', async (range, text, contentRange) => {
    const response = await send(url, { headers: { range } });
    expect(response).toMatchObject({ status: 206, text });
    expect(response.headers).toMatchObject({
      'content-range': contentRange,
      'content-length': String(text.length),
    });
  });

  it.each(['bytes=10-', 'bytes=10-12', 'bytes=-0'])('rejects the range %s', async range => {
    const response = await send(url, { headers: { range } });
    expect(response.status).toBe(416);
    expect(response.headers['content-range']).toBe('bytes */10');
    expect(readCosError(response).code).toBe('InvalidRange');
  });

  it.each(['bytes=4-2', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=-', 'bytes=a-b'])(
    'returns the whole object for the range %s',
    async range => {
      expect(await send(url, { headers: { range } })).toMatchObject({ status: 200, text: CONTENT });
    },
  );

  it.each([
    ['the ETag', ETAG, 206],
    ['another ETag', '"other"', 200],
    ['another date', 'Thu, 01 Jan 1970 00:00:00 GMT', 200],
  ])('with If-Range of %s returns %3$i', async (_, condition, status) => {
    const headers = { range: 'bytes=0-1', 'if-range': condition };
    expect((await send(url, { headers })).status).toBe(status);
  });

  it('with If-Range of its date returns the range', async () => {
    const { 'last-modified': date = '' } = (await send(url)).headers;
    const headers = { range: 'bytes=0-1', 'if-range': date };
    expect((await send(url, { headers })).status).toBe(206);
  });

  it.each([ETAG, `W/${ETAG}`, `"a", ${ETAG}`, '*'])(
    'with If-None-Match: %s returns 304',
    async tag => {
      const response = await send(url, { headers: { 'if-none-match': tag } });
      expect(response).toMatchObject({ status: 304, text: '' });
      expect(response.headers.etag).toBe(ETAG);
    },
  );

  it('with If-None-Match of another ETag returns the object', async () => {
    expect((await send(url, { headers: { 'if-none-match': '"a"' } })).status).toBe(200);
  });

  it.each([
    ['without a signature', () => url.replace(/\?.*/, '')],
    ['with a wrong signature', () => url.replace(/sign=../, 'sign=zz')],
    ['with a later end', () => url.replace(/t=\d+/, 't=9999999999')],
    ['with the signature of another object', () => url.replace('10.txt', '11.txt')],
  ])('is rejected with %s', async (_, toUrl) => {
    const response = await send(toUrl());
    expect([response.status, readCosError(response).code]).toEqual([403, 'AccessDenied']);
  });

  it('is rejected from another bucket', async () => {
    const response = await send(url.replace(emulator.bucket, '8888-other-1300000000'));
    expect([response.status, readCosError(response).code]).toEqual([404, 'NoSuchBucket']);
  });

  it('returns an empty object, which has no range', async () => {
    const empty = await storeAndLink(emulator, 'empty', '');
    expect(await send(empty)).toMatchObject({ status: 200, text: '' });
    expect((await send(empty, { headers: { range: 'bytes=0-' } })).status).toBe(416);
  });

  it('returns the new content once the object is replaced', async () => {
    const link = await storeAndLink(emulator, 'replaced', 'old');
    await store(emulator, 'replaced', 'new content');
    expect((await send(link)).text).toBe('new content');
  });

  it('returns NoSuchKey once the object is deleted', async () => {
    const link = await storeAndLink(emulator, 'deleted', 'old');
    await deleteFiles(emulator, [`cloud://${emulator.env}.${emulator.bucket}/deleted`]);
    const response = await send(link);
    expect([response.status, readCosError(response).code]).toEqual([404, 'NoSuchKey']);
  });
});

describe('HEAD of a link', () => {
  it('returns the headers of GET without a body', async () => {
    const response = await send(url, { method: 'HEAD' });
    expect(response).toMatchObject({ status: 200, text: '' });
    expect(response.headers).toMatchObject({ 'content-length': '10', etag: ETAG });
    expect(emulator.journal.at(-1)).toMatchObject({ operation: 'head-object', responseBytes: 0 });
  });

  it('returns the headers of a range', async () => {
    const response = await send(url, { method: 'HEAD', headers: { range: 'bytes=-3' } });
    expect(response).toMatchObject({ status: 206, text: '' });
    expect(response.headers['content-range']).toBe('bytes 7-9/10');
  });

  it('is rejected with a wrong signature', async () => {
    const response = await send(url.replace(/sign=../, 'sign=zz'), { method: 'HEAD' });
    expect(response).toMatchObject({ status: 403, text: '' });
  });
});

describe('a download link', () => {
  it('is valid for its max_age', async () => {
    const cloud = await startTimedCloud();
    const fileId = await store(cloud, 'a.txt', CONTENT);
    const link = String((await fetchDownloadItem(cloud, fileId, 60))['download_url']);
    cloud.pass(59);
    const inTime = await send(link);
    cloud.pass(1);
    const late = await send(link);
    await cloud.close();
    expect(inTime.text).toBe(CONTENT);
    expect(late.status).toBe(403);
    expect(readCosError(late)).toEqual({ code: 'AccessDenied', message: 'Request has expired' });
  });

  it('can be made to expire without affecting later ones', async () => {
    const link = await storeAndLink(emulator, 'expired', CONTENT);
    emulator.expireLinks();
    expect(readCosError(await send(link)).message).toBe('Request has expired');
    url = await storeAndLink(emulator, '数 字/10.txt', CONTENT);
    expect((await send(url)).status).toBe(200);
  });
});

describe('other paths of the emulator', () => {
  it.each(['/', '/nothing', '/tcb/getuploadlink', '/a/b', '/download/a/b'])(
    'return 404: %s',
    async path => {
      expect((await send(emulator.url + path)).status).toBe(404);
      expect(emulator.journal.at(-1)).toMatchObject({ operation: 'unknown', path, status: 404 });
    },
  );

  it('reject PATCH of an object, and PUT of a link', async () => {
    const path = `/${emulator.bucket}/a`;
    const responses = await Promise.all([
      send(`${emulator.url}${path}`, { method: 'PATCH' }),
      send(`${emulator.url}/download${path}`, { method: 'PUT' }),
    ]);
    expect(responses.map(({ status }) => status)).toEqual([405, 405]);
    expect(responses.map(response => readCosError(response).code)).toEqual([
      'MethodNotAllowed',
      'MethodNotAllowed',
    ]);
  });
});
