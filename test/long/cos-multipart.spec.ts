import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import {
  startWxCloudEmulator,
  type WxCloudEmulator,
  type WxCloudEmulatorOptions,
} from '../../lib/emulator/index.js';
import { Crc64 } from '../../lib/emulator/state/crc64.js';
import { until } from '../support/until.js';
import {
  type CosCall,
  callCos,
  fetchMetaId,
  PERMANENT_KEYS,
} from '../e2e/emulator/support/cos-signer.js';
import { type RawResponse, readCosError } from '../e2e/emulator/support/raw-http.js';

const KEY = '影片/a b.bin';
const MIB = 1_048_576;
const FIRST = randomBytes(MIB);
const SECOND = randomBytes(MIB + 3);
const LAST = randomBytes(7);

const cos = { keys: [PERMANENT_KEYS] };
let shared: WxCloudEmulator;
let emulator: WxCloudEmulator;
/** Uses another emulator for the rest of a test. */
const startWith = async (options: WxCloudEmulatorOptions): Promise<void> => {
  emulator = await startWxCloudEmulator({ cos, ...options });
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

type Listed = readonly (readonly [partNumber: number, etag: string])[];

const md5 = (content: Buffer): string => createHash('md5').update(content).digest('hex');
const call = (method: string, more: CosCall): Promise<RawResponse> =>
  callCos(emulator, { method, key: KEY, keys: PERMANENT_KEYS, ...more });
const valueOf = ({ text }: RawResponse, name: string): string =>
  new RegExp(`<${name}>(.*?)</${name}>`).exec(text)?.[1] ?? '';
const codeOf = (response: RawResponse): unknown => [response.status, readCosError(response).code];

const initiate = async (headers: Record<string, string> = {}): Promise<string> =>
  valueOf(await call('POST', { query: { uploads: '' }, headers }), 'UploadId');
const sendPart = (
  uploadId: string,
  partNumber: number | string,
  body: Buffer,
): Promise<RawResponse> =>
  call('PUT', {
    query: { partNumber: String(partNumber), uploadId },
    body,
    headers: { 'content-length': String(body.byteLength) },
  });
const documentOf = (parts: Listed): string =>
  `<CompleteMultipartUpload>${parts
    .map(([number, etag]) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`)
    .join('')}</CompleteMultipartUpload>`;
const complete = (
  uploadId: string,
  parts: Listed,
  headers: Record<string, string> = {},
): Promise<RawResponse> => call('POST', { query: { uploadId }, body: documentOf(parts), headers });
const abort = (uploadId: string): Promise<RawResponse> => call('DELETE', { query: { uploadId } });
const listParts = (uploadId: string, query: Record<string, string> = {}): Promise<RawResponse> =>
  call('GET', { query: { uploadId, ...query } });

/** Begins an upload and sends its parts. */
async function upload(...parts: readonly Buffer[]): Promise<[uploadId: string, listed: Listed]> {
  const uploadId = await initiate();
  await Promise.all(parts.map((part, index) => sendPart(uploadId, index + 1, part)));
  return [uploadId, parts.map((part, index) => [index + 1, md5(part)])];
}

describe('a multipart upload', () => {
  it('makes one object, with the metadata of its beginning', async () => {
    const uploadId = await initiate({
      'content-type': 'video/mp4',
      'cache-control': 'no-store',
      'x-cos-meta-fileid': await fetchMetaId(emulator, KEY),
    });
    expect(uploadId).toMatch(/^[\da-f]{74}$/);
    const parts = await Promise.all(
      [FIRST, SECOND, LAST].map((part, index) => sendPart(uploadId, index + 1, part)),
    );
    expect(parts.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(parts[2]?.headers['etag']).toBe(`"${md5(LAST)}"`);
    const response = await complete(
      uploadId,
      [FIRST, SECOND, LAST].map((part, index) => [index + 1, `&quot;${md5(part)}&quot;`]),
    );
    expect(response.status).toBe(200);
    expect(response.headers['transfer-encoding']).toBe('chunked');
    const digests = [FIRST, SECOND, LAST].map(part => Buffer.from(md5(part), 'hex'));
    const etag = `"${md5(Buffer.concat(digests))}-3"`;
    expect(['Bucket', 'Key', 'ETag'].map(name => valueOf(response, name))).toEqual([
      emulator.bucket,
      KEY,
      etag,
    ]);
    const whole = Buffer.concat([FIRST, SECOND, LAST]);
    const crc64 = new Crc64();
    crc64.update(whole);
    expect((await call('HEAD', {})).headers).toMatchObject({
      etag,
      'content-type': 'video/mp4',
      'cache-control': 'no-store',
      'content-length': String(whole.byteLength),
      'x-cos-hash-crc64ecma': String(crc64.digest()),
    });
    expect(emulator.objects).toMatchObject([{ cloudPath: KEY, fileIdAlive: true }]);
    expect((await emulator.readObject(KEY)).equals(whole)).toBe(true);
    expect(emulator.journal.map(({ operation }) => operation)).toEqual(
      expect.arrayContaining([
        'initiate-multipart-upload',
        'upload-part',
        'complete-multipart-upload',
      ]),
    );
  });

  it('is no object before it is complete, and unknown afterwards', async () => {
    const [uploadId, listed] = await upload(LAST);
    expect(emulator.objects).toEqual([]);
    await complete(uploadId, listed);
    expect(codeOf(await complete(uploadId, listed))).toEqual([404, 'NoSuchUpload']);
    expect(codeOf(await sendPart(uploadId, 2, LAST))).toEqual([404, 'NoSuchUpload']);
    expect(codeOf(await abort(uploadId))).toEqual([404, 'NoSuchUpload']);
    expect(codeOf(await listParts(uploadId))).toEqual([404, 'NoSuchUpload']);
  });

  it('is completed once by concurrent requests', async () => {
    const [uploadId, listed] = await upload(FIRST, LAST);
    const responses = await Promise.all([1, 2, 3].map(() => complete(uploadId, listed)));
    expect(responses.map(({ status }) => status).toSorted()).toEqual([200, 404, 404]);
  });

  it('takes the last part that came with a number, and only listed ones', async () => {
    const [uploadId] = await upload(FIRST, SECOND);
    await sendPart(uploadId, 2, LAST);
    const response = await complete(uploadId, [[2, md5(LAST)]]);
    expect(response.status).toBe(200);
    expect(await emulator.readObject(KEY)).toEqual(LAST);
  });

  it('ends when it is aborted', async () => {
    const [uploadId, listed] = await upload(LAST);
    expect((await abort(uploadId)).status).toBe(204);
    expect(codeOf(await complete(uploadId, listed))).toEqual([404, 'NoSuchUpload']);
  });

  it('belongs to its key', async () => {
    const [uploadId] = await upload(LAST);
    const other = await call('DELETE', { key: 'other', query: { uploadId } });
    expect(codeOf(other)).toEqual([404, 'NoSuchUpload']);
  });

  it.each<[string, (etags: readonly string[]) => Listed, number, string]>([
    [
      'a small part before the last',
      ([, , c = '']) => [
        [3, c],
        [4, c],
      ],
      400,
      'EntityTooSmall',
    ],
    [
      'a missing part',
      ([a = '']) => [
        [1, a],
        [9, a],
      ],
      400,
      'InvalidPart',
    ],
    ['another ETag', ([a = '']) => [[2, a]], 400, 'InvalidPart'],
    [
      'another order',
      ([a = '', b = '']) => [
        [2, b],
        [1, a],
      ],
      400,
      'InvalidPartOrder',
    ],
    [
      'a repeated part',
      ([a = '']) => [
        [1, a],
        [1, a],
      ],
      400,
      'InvalidPartOrder',
    ],
    ['no part', () => [], 400, 'MalformedXML'],
  ])('is not completed with %s, and stays', async (_, toListed, status, code) => {
    const parts = [FIRST, SECOND, LAST, LAST];
    const [uploadId, listed] = await upload(...parts);
    expect(codeOf(await complete(uploadId, toListed(parts.map(md5))))).toEqual([status, code]);
    expect(emulator.objects).toEqual([]);
    expect((await complete(uploadId, listed.slice(0, 3))).status).toBe(200);
  });

  it.each(['', '<a', '<CompleteMultipartUpload>', 'text', '<Other/>', '<a></b>'])(
    'is not completed by the document %j',
    async body => {
      const [uploadId] = await upload(LAST);
      const response = await call('POST', { query: { uploadId }, body });
      expect(codeOf(response)).toEqual([400, 'MalformedXML']);
    },
  );

  it.each(['0', '10001', 'x', '1.5'])('has no part number %s', async partNumber => {
    const uploadId = await initiate();
    expect(codeOf(await sendPart(uploadId, partNumber, LAST))).toEqual([400, 'InvalidArgument']);
  });

  it('checks the Content-MD5 of its parts and of its document', async () => {
    const [uploadId, listed] = await upload(LAST);
    const headers = { 'content-md5': createHash('md5').digest('base64') };
    const query = { partNumber: '1', uploadId };
    const withLength = { ...headers, 'content-length': String(LAST.byteLength) };
    const wrong = await call('PUT', { query, body: LAST, headers: withLength });
    expect(codeOf(wrong)).toEqual([400, 'BadDigest']);
    expect(codeOf(await complete(uploadId, listed, headers))).toEqual([400, 'BadDigest']);
    expect((await complete(uploadId, listed)).status).toBe(200);
  });

  it('does not replace an object if that is forbidden', async () => {
    const [uploadId, listed] = await upload(LAST);
    await call('PUT', { body: 'other', headers: { 'content-length': '5' } });
    const headers = { 'x-cos-forbid-overwrite': 'true' };
    expect(codeOf(await complete(uploadId, listed, headers))).toEqual([409, 'FileAlreadyExists']);
    expect((await complete(uploadId, listed)).status).toBe(200);
  });

  it('lists its parts in pages', async () => {
    const [uploadId] = await upload(FIRST, SECOND, LAST);
    const page = await listParts(uploadId, { 'max-parts': '2', 'encoding-type': 'url' });
    expect(page.text.match(/<PartNumber>\d+/g)).toEqual(['<PartNumber>1', '<PartNumber>2']);
    expect(
      ['Key', 'IsTruncated', 'NextPartNumberMarker', 'Size'].map(name => valueOf(page, name)),
    ).toEqual([KEY.split('/').map(encodeURIComponent).join('/'), 'true', '2', String(MIB)]);
    const rest = await listParts(uploadId, { 'part-number-marker': '2' });
    expect(rest.text.match(/<PartNumber>\d+/g)).toEqual(['<PartNumber>3']);
    expect(valueOf(rest, 'IsTruncated')).toBe('false');
  });
});

describe('a slow Complete', () => {
  it('responds at once, with white space before its document', async () => {
    const [uploadId, listed] = await upload(LAST);
    const effect = { kind: 'delay', delayMs: 300 } as const;
    emulator.faults.add({ operation: 'complete-multipart-upload', effect });
    const response = await complete(uploadId, listed);
    expect(response.status).toBe(200);
    expect(response.text).toMatch(/^\n{2,}<\?xml/);
    expect(valueOf(response, 'ETag')).toContain('-1"');
  });

  it('stores the object even if the client does not wait', async () => {
    const [uploadId, listed] = await upload(LAST);
    const effect = { kind: 'delay', delayMs: 60_000 } as const;
    emulator.faults.add({ operation: 'complete-multipart-upload', effect });
    const controller = new AbortController();
    const sent = call('POST', {
      query: { uploadId },
      body: documentOf(listed),
      signal: controller.signal,
    });
    await until(() => emulator.objects.length === 1);
    controller.abort();
    await expect(sent).rejects.toThrow('aborted');
    await until(() => emulator.journal.some(({ fault }) => fault === 'delay'));
    expect(emulator.journal.at(-1)).toMatchObject({ status: 200, aborted: true });
  });
});

describe('faults of a multipart upload', () => {
  it('make Complete fail with 200', async () => {
    const [uploadId, listed] = await upload(LAST);
    emulator.faults.add({
      operation: 'complete-multipart-upload',
      effect: { kind: 'cos-error', cosCode: 'InternalError', status: 200 },
    });
    expect(codeOf(await complete(uploadId, listed))).toEqual([200, 'InternalError']);
    expect(emulator.objects).toEqual([]);
    expect((await complete(uploadId, listed)).status).toBe(200);
  });

  it.each<[string, (uploadId: string) => Promise<unknown>, readonly number[]]>([
    ['upload-part', uploadId => sendPart(uploadId, 2, LAST), [200, 2, 0]],
    ['complete-multipart-upload', uploadId => complete(uploadId, [[1, md5(FIRST)]]), [404, 0, 1]],
    ['abort-multipart-upload', abort, [404, 0, 0]],
  ])('lose the response to %s, which is carried out', async (operation, act, expected) => {
    const [uploadId] = await upload(FIRST);
    emulator.faults.add({
      operation: operation as 'upload-part',
      effect: { kind: 'reset', at: 'answer' },
    });
    await expect(act(uploadId)).rejects.toMatchObject({ code: 'ECONNRESET' });
    const parts = await listParts(uploadId);
    const count = parts.text.split('<Part>').length - 1;
    expect([parts.status, count, emulator.objects.length]).toEqual(expected);
  });
});

describe('parts in a folder', () => {
  let dataDir: string;
  const filesOf = async (): Promise<readonly string[]> =>
    (await readdir(join(dataDir, emulator.bucket))).filter(name => name.endsWith('.data'));
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'emulator-'));
    await startWith({ dataDir });
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  it('become one file', async () => {
    const [uploadId, listed] = await upload(FIRST, LAST);
    expect(await filesOf()).toHaveLength(2);
    await complete(uploadId, listed);
    expect(await filesOf()).toHaveLength(1);
    await emulator.close();
    await startWith({ dataDir });
    const whole = Buffer.concat([FIRST, LAST]);
    expect((await emulator.readObject(KEY)).equals(whole)).toBe(true);
    expect((await call('HEAD', {})).headers['etag']).toMatch(/-2"$/);
  });

  it('and the metadata of objects survive a restart', async () => {
    const headers = {
      'content-length': '7',
      'cache-control': 'no-store',
      'x-cos-meta-colour': 'blue',
      'x-cos-meta-fileid': await fetchMetaId(emulator, KEY),
    };
    const put = await call('PUT', { body: 'content', headers });
    expect(put.status).toBe(200);
    await emulator.close();
    await startWith({ dataDir });
    const response = await call('HEAD', {});
    expect(response.headers).toMatchObject({
      ...headers,
      etag: `"${md5(Buffer.from('content'))}"`,
    });
    expect(emulator.objects).toMatchObject([{ fileIdAlive: true }]);
    const copied = await call('PUT', {
      key: 'copy',
      headers: { 'x-cos-copy-source': `${emulator.bucket}.localhost/${encodeURIComponent(KEY)}` },
    });
    expect(copied.status).toBe(200);
    expect(await emulator.readObject('copy')).toEqual(Buffer.from('content'));
  });

  it.each([
    ['an abort', abort],
    ['reset()', () => emulator.reset()],
    ['close()', () => emulator.close()],
  ])('end with %s', async (_, end) => {
    const [uploadId] = await upload(FIRST, LAST);
    await end(uploadId);
    expect(await filesOf()).toEqual([]);
  });

  it('leave nothing when one breaks off', async () => {
    const uploadId = await initiate();
    const controller = new AbortController();
    const sent = call('PUT', {
      query: { partNumber: '1', uploadId },
      body: LAST,
      headers: { 'content-length': '100' },
      signal: controller.signal,
    });
    await until(async () => (await filesOf()).length === 1);
    controller.abort();
    await expect(sent).rejects.toThrow('aborted');
    await until(async () => (await filesOf()).length === 0);
    expect((await listParts(uploadId)).text).not.toContain('<Part>');
  });
});
