import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { until } from '../../support/until.js';
import {
  fetchDownloadItem,
  fetchLink,
  fieldsOf,
  formHeaders,
  formOf,
  type Link,
  type Part,
  postForm,
} from './support/cloud-client.js';
import { readCosError, send, sendBytes } from './support/raw-http.js';
import { startTimedCloud } from './support/timed-cloud.js';

const md5 = (content: Buffer | string): string => createHash('md5').update(content).digest('hex');

let emulator: WxCloudEmulator;
let link: Link;
beforeEach(async () => {
  emulator = await startWxCloudEmulator();
  link = await fetchLink(emulator, 'photos/a.png');
});
afterEach(() => emulator.close());

const FILE: Part = ['file', 'content'];
const without = (name: string): readonly Part[] => fieldsOf(link).filter(([one]) => one !== name);
const withValue = (name: string, value: string): readonly Part[] =>
  fieldsOf(link).map(part => (part[0] === name ? [name, value] : part));

describe('POST of an object', () => {
  it('stores it and returns 204 with its quoted MD5', async () => {
    const content = randomBytes(300_000);
    const response = await postForm(link.url, [...fieldsOf(link), ['file', content]]);
    expect(response).toMatchObject({ status: 204, text: '' });
    expect(response.headers).toMatchObject({ etag: `"${md5(content)}"`, location: link.url });
    expect(response.headers['x-cos-request-id']).toMatch(/^[\w+/=]+$/);
    expect(emulator.objects).toEqual([
      {
        cloudPath: 'photos/a.png',
        fileId: link.file_id,
        size: 300_000,
        contentType: 'application/octet-stream',
        etag: md5(content),
        fileIdAlive: true,
      },
    ]);
    expect((await emulator.readObject('photos/a.png')).equals(content)).toBe(true);
  });

  it.each([
    ['the bucket', () => `${emulator.url}/${emulator.bucket}`],
    ['the bucket with a slash', () => `${emulator.url}/${emulator.bucket}/`],
  ])('takes the path from the form at the address of %s', async (_, toUrl) => {
    expect((await postForm(toUrl(), [...fieldsOf(link), FILE])).status).toBe(204);
    expect(emulator.objects).toMatchObject([{ cloudPath: 'photos/a.png', fileIdAlive: true }]);
    expect(emulator.journal.at(-1)).toMatchObject({
      operation: 'post-object',
      cloudPaths: ['photos/a.png'],
    });
  });

  it('keeps the header fields of the form for downloads', async () => {
    await postForm(link.url, [
      ...fieldsOf(link),
      ['Cache-Control', 'max-age=60'],
      ['x-cos-meta-name', '猫'],
      FILE,
    ]);
    const item = await fetchDownloadItem(emulator, link.file_id);
    const { headers } = await send(String(item['download_url']));
    expect(headers).toMatchObject({
      'cache-control': 'max-age=60',
      'x-cos-meta-name': Buffer.from('猫').toString('latin1'),
    });
  });

  it('uses the type of the Content-Type field, never that of the part', async () => {
    await postForm(link.url, [...fieldsOf(link), ['Content-Type', 'image/webp'], FILE]);
    expect(emulator.objects).toMatchObject([{ contentType: 'image/webp' }]);
  });

  it('accepts an empty file', async () => {
    expect((await postForm(link.url, [...fieldsOf(link), ['file', '']])).status).toBe(204);
    expect(emulator.objects).toMatchObject([{ size: 0, etag: md5('') }]);
  });

  it.each([
    ['200', 200],
    ['201', 201],
    ['204', 204],
    ['302', 204],
  ])('with success_action_status %s returns %i', async (asked, status) => {
    const response = await postForm(link.url, [
      ...fieldsOf(link),
      ['success_action_status', asked],
      FILE,
    ]);
    expect(response.status).toBe(status);
    expect(emulator.objects).toHaveLength(1);
  });

  it('replaces an object with the same key', async () => {
    await postForm(link.url, [...fieldsOf(link), FILE]);
    await postForm(link.url, [...fieldsOf(link), ['file', 'other']]);
    expect(emulator.objects).toMatchObject([{ size: 5 }]);
    expect((await emulator.readObject('photos/a.png')).toString()).toBe('other');
  });

  it.each(['中文/图片.png', '😀 b.png', 'a+b%20c%.png', `q"uo'te.png`, 'a&b=c;d,e?f#g.png'])(
    'accepts the raw key %j',
    async path => {
      const own = await fetchLink(emulator, path);
      expect((await postForm(own.url, [...fieldsOf(own), FILE])).status).toBe(204);
      expect(emulator.objects).toMatchObject([
        { cloudPath: path, fileId: own.file_id, fileIdAlive: true },
      ]);
    },
  );

  it('accepts content that looks like a boundary', async () => {
    const content = '\r\n--b0undar\r\n--b0undarx--\r\n\r\r\n-\r\n--';
    await postForm(link.url, [...fieldsOf(link), ['file', content]]);
    expect((await emulator.readObject('photos/a.png')).toString()).toBe(content);
  });

  it.each([
    ['without x-cos-meta-fileid', () => without('x-cos-meta-fileid')],
    ['with a wrong x-cos-meta-fileid', () => withValue('x-cos-meta-fileid', 'wrong.value')],
  ])('stores it with a dead file ID: %s', async (_, toFields) => {
    expect((await postForm(link.url, [...toFields(), FILE])).status).toBe(204);
    expect(emulator.objects).toMatchObject([{ fileIdAlive: false }]);
    expect(await fetchDownloadItem(emulator, link.file_id)).toEqual({
      fileid: link.file_id,
      download_url: '',
      status: 1,
      errmsg: 'STORAGE_FILE_NONEXIST',
    });
  });

  it('stores it with a dead file ID for the x-cos-meta-fileid of another path', async () => {
    const { cos_file_id: other } = await fetchLink(emulator, 'photos/b.png');
    await postForm(link.url, [...withValue('x-cos-meta-fileid', other), FILE]);
    expect(emulator.objects).toMatchObject([{ fileIdAlive: false }]);
  });

  it('checks its Content-MD5', async () => {
    const digest = createHash('md5').update('content').digest('base64');
    const response = await postForm(link.url, [...fieldsOf(link), ['Content-MD5', digest], FILE]);
    expect(response.status).toBe(204);
  });
});

describe('POST of an object is rejected and stores nothing', () => {
  const other = 'q-sign-algorithm=sha1';

  it.each<[string, () => readonly Part[], number, string]>([
    ['without key', () => [...without('key'), FILE], 400, 'InvalidArgument'],
    ['without Signature', () => [...without('Signature'), FILE], 403, 'AccessDenied'],
    ['without token', () => [...without('x-cos-security-token'), FILE], 403, 'InvalidAccessKeyId'],
    [
      'with a wrong token',
      () => [...withValue('x-cos-security-token', 'x'), FILE],
      403,
      'InvalidAccessKeyId',
    ],
    [
      'with a wrong Signature',
      () => [...withValue('Signature', other), FILE],
      403,
      'InvalidAccessKeyId',
    ],
    [
      'with a forged Signature',
      () => [...withValue('Signature', `${link.authorization}0`), FILE],
      403,
      'SignatureDoesNotMatch',
    ],
    [
      'with a longer window',
      () => [
        ...withValue('Signature', link.authorization.replaceAll(/;\d+/g, ';9999999999')),
        FILE,
      ],
      403,
      'SignatureDoesNotMatch',
    ],
    [
      'with another key',
      () => [...withValue('key', 'photos/b.png'), FILE],
      403,
      'SignatureDoesNotMatch',
    ],
    ['without a file', () => fieldsOf(link), 400, 'IncorrectNumberOfFilesInPostRequest'],
    [
      'with two files',
      () => [...fieldsOf(link), FILE, FILE],
      400,
      'IncorrectNumberOfFilesInPostRequest',
    ],
    [
      'with a field after the file',
      () => [...fieldsOf(link), FILE, ['a', 'b']],
      400,
      'MalformedPOSTRequest',
    ],
    ['with the file first', () => [FILE, ...fieldsOf(link)], 400, 'InvalidArgument'],
    [
      'with a field twice',
      () => [...fieldsOf(link), ['key', 'a'], FILE],
      400,
      'MalformedPOSTRequest',
    ],
    [
      'with fields of 70 kB',
      () => [...fieldsOf(link), ['a', 'b'.repeat(70_000)], FILE],
      400,
      'MalformedPOSTRequest',
    ],
    [
      'with a Content-Type that is no header value',
      () => [...fieldsOf(link), ['Content-Type', '图片'], FILE],
      400,
      'InvalidArgument',
    ],
    [
      'with the Content-MD5 of other content',
      () => [...fieldsOf(link), ['Content-MD5', 'AAAAAAAAAAAAAAAAAAAAAA=='], FILE],
      400,
      'BadDigest',
    ],
    [
      'with a Content-MD5 that is none',
      () => [...fieldsOf(link), ['Content-MD5', 'x'], FILE],
      400,
      'InvalidDigest',
    ],
  ])('%s', async (_, toParts, ...expected) => {
    const response = await postForm(link.url, toParts());
    expect([response.status, readCosError(response).code]).toEqual(expected);
    expect(response.text).toContain(`<Resource>/${emulator.bucket}/photos/a.png</Resource>`);
    expect(emulator.objects).toEqual([]);
    const [status, cosCode] = expected;
    expect(emulator.journal.at(-1)).toMatchObject({ operation: 'post-object', status, cosCode });
  });

  it.each<[string, Record<string, string>, number, string]>([
    ['without a Content-Type', { 'Content-Type': '' }, 400, 'MalformedPOSTRequest'],
    ['without a boundary', { 'Content-Type': 'multipart/form-data' }, 400, 'MalformedPOSTRequest'],
    [
      'with another boundary',
      { 'Content-Type': 'multipart/form-data; boundary=x' },
      400,
      'MalformedPOSTRequest',
    ],
    ['as JSON', { 'Content-Type': 'application/json' }, 400, 'MalformedPOSTRequest'],
  ])('%s', async (_, change, ...expected) => {
    const form = formOf([...fieldsOf(link), FILE]);
    const headers = { ...formHeaders(form), ...change };
    const response = await send(link.url, { method: 'POST', headers, body: form });
    expect([response.status, readCosError(response).code]).toEqual(expected);
    expect(emulator.objects).toEqual([]);
  });

  it('without Content-Length', async () => {
    const form = formOf([...fieldsOf(link), FILE]);
    const { 'Content-Type': type = '' } = formHeaders(form);
    const headers = { 'Content-Type': type, 'Transfer-Encoding': 'chunked' };
    const response = await send(link.url, { method: 'POST', headers, body: form });
    expect([response.status, readCosError(response).code]).toEqual([411, 'MissingContentLength']);
    expect(emulator.objects).toEqual([]);
  });

  it.each([
    ['to the URL of another object', '/photos/b.png', 403, 'SignatureDoesNotMatch'],
    ['to a URL that is not well encoded', '/%E4%', 400, 'InvalidURI'],
  ])('%s', async (_, path, ...expected) => {
    const url = `${emulator.url}/${emulator.bucket}${path}`;
    const response = await postForm(url, [...fieldsOf(link), FILE]);
    expect([response.status, readCosError(response).code]).toEqual(expected);
    expect(emulator.objects).toEqual([]);
  });

  it('to another bucket', async () => {
    const url = `${emulator.url}/8888-other-1300000000/photos/a.png`;
    const response = await postForm(url, [...fieldsOf(link), FILE]);
    expect([response.status, readCosError(response).code]).toEqual([404, 'NoSuchBucket']);
  });

  it('with a link that was made to expire', async () => {
    emulator.expireLinks();
    const response = await postForm(link.url, [...fieldsOf(link), FILE]);
    expect(response.status).toBe(403);
    expect(readCosError(response)).toEqual({
      code: 'AccessDenied',
      message: 'Request has expired',
    });
    expect(emulator.objects).toEqual([]);
  });

  it('when the body ends before its Content-Length', async () => {
    const form = formOf([...fieldsOf(link), FILE]);
    const head = `POST ${new URL(link.url).pathname} HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n`;
    const type = 'Content-Type: multipart/form-data; boundary=b0undary\r\n\r\n';
    await sendBytes(link.url, Buffer.concat([Buffer.from(head + type), form]));
    await until(() => emulator.journal.some(({ operation }) => operation === 'post-object'));
    expect(emulator.objects).toEqual([]);
    expect(emulator.journal.at(-1)).toMatchObject({ status: 0, aborted: true });
  });

  it('when its Content-Length cuts the form off', async () => {
    const form = formOf([...fieldsOf(link), FILE]);
    const cut = form.subarray(0, form.byteLength - 20);
    const response = await send(link.url, { method: 'POST', headers: formHeaders(cut), body: cut });
    expect([response.status, readCosError(response).code]).toEqual([400, 'MalformedPOSTRequest']);
    expect(emulator.objects).toEqual([]);
  });

  it('during a large body, which is read to its end', async () => {
    const parts = [...withValue('key', 'photos/b.png'), ['file', randomBytes(5_000_000)]] as const;
    const response = await postForm(link.url, parts);
    expect(response.status).toBe(403);
    expect(emulator.journal.at(-1)?.requestBytes).toBeGreaterThan(5_000_000);
  });
});

describe('POST of an object and time', () => {
  it('is accepted within 900 seconds of its link, and not after', async () => {
    const cloud = await startTimedCloud();
    const timed = await fetchLink(cloud, 'a.png');
    cloud.pass(900);
    const inTime = await postForm(timed.url, [...fieldsOf(timed), FILE]);
    cloud.pass(1);
    const late = await postForm(timed.url, [...fieldsOf(timed), FILE]);
    await cloud.close();
    expect(inTime.status).toBe(204);
    expect(readCosError(late)).toEqual({ code: 'AccessDenied', message: 'Request has expired' });
  });
});
