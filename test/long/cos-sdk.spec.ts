import { Readable } from 'node:stream';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import COS from 'cos-nodejs-sdk-v5';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import { fetchDownloadItem } from '../e2e/emulator/support/cloud-client.js';
import { fetchCosKeys, fetchMetaId, PERMANENT_KEYS } from '../e2e/emulator/support/cos-signer.js';
import { send } from '../e2e/emulator/support/raw-http.js';

const PAIR = PERMANENT_KEYS;
const KEY = "照片/a b!'()*~.bin";
const MIB = 1_048_576;

let emulator: WxCloudEmulator;
let folder: string;
let cos: COS;
let where: { readonly Bucket: string; readonly Region: string };
beforeAll(async () => {
  emulator = await startWxCloudEmulator({ cos: { keys: [PAIR] } });
  folder = await mkdtemp(join(tmpdir(), 'cos-sdk-'));
  where = { Bucket: emulator.bucket, Region: 'ap-shanghai' };
  cos = clientWith({
    getAuthorization: async (_, callback) => {
      const { secretId, secretKey, securityToken = '' } = await fetchCosKeys(emulator);
      const now = Math.floor(Date.now() / 1_000);
      callback({
        TmpSecretId: secretId,
        TmpSecretKey: secretKey,
        SecurityToken: securityToken,
        ExpiredTime: now + 1_800,
        StartTime: now,
      });
    },
  });
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await emulator.close();
});

const clientWith = (options: COS.COSOptions): COS =>
  new COS({ Domain: new URL(emulator.url).host, Protocol: 'http:', ...options });
const md5 = (content: Buffer): string => createHash('md5').update(content).digest('hex');

describe('cos-nodejs-sdk-v5', () => {
  it('puts, heads, gets and deletes an object', async () => {
    const content = randomBytes(100_000);
    const put = await cos.putObject({
      ...where,
      Key: KEY,
      Body: content,
      ContentType: 'image/png',
      CacheControl: 'max-age=60',
      Headers: { 'x-cos-meta-fileid': await fetchMetaId(emulator, KEY) },
    });
    expect(put).toMatchObject({ statusCode: 200, ETag: `"${md5(content)}"` });
    const head = await cos.headObject({ ...where, Key: KEY });
    expect(head.headers).toMatchObject({
      'content-type': 'image/png',
      'cache-control': 'max-age=60',
      'content-length': '100000',
    });
    const { Body } = await cos.getObject({ ...where, Key: KEY, Range: 'bytes=10-19' });
    expect(Body).toEqual(content.subarray(10, 20));
    const fileId = `cloud://${emulator.env}.${emulator.bucket}/${KEY}`;
    expect(await fetchDownloadItem(emulator, fileId)).toMatchObject({ status: 0 });
    expect(await cos.deleteObject({ ...where, Key: KEY })).toMatchObject({ statusCode: 204 });
    await expect(cos.headObject({ ...where, Key: KEY })).rejects.toMatchObject({ statusCode: 404 });
  });

  it('puts a stream without a length', async () => {
    const content = randomBytes(300_000);
    await cos.putObject({ ...where, Key: 'stream', Body: Readable.from([content]) });
    expect((await emulator.readObject('stream')).equals(content)).toBe(true);
  });

  it('uploads a file in parts, and finishes what was begun before', async () => {
    const content = randomBytes(3 * MIB + 5);
    const file = join(folder, 'large.bin');
    await writeFile(file, content);
    const first = await cos.multipartInit({ ...where, Key: 'large', ContentType: 'video/mp4' });
    const { UploadId } = first;
    await cos.multipartUpload({
      ...where,
      Key: 'large',
      UploadId,
      PartNumber: 1,
      Body: content.subarray(0, MIB),
    });
    const parts = await cos.multipartListPart({ ...where, Key: 'large', UploadId });
    expect(parts.Part).toMatchObject([{ PartNumber: '1', Size: String(MIB) }]);
    const uploads = await cos.multipartList({ ...where, Prefix: 'large', Delimiter: '' });
    expect(uploads.Upload).toMatchObject([{ Key: 'large', UploadId }]);
    const done = await cos.sliceUploadFile({
      ...where,
      Key: 'large',
      FilePath: file,
      ChunkSize: MIB,
    });
    expect(done).toMatchObject({ statusCode: 200, ETag: expect.stringMatching(/-4"$/) });
    expect((await emulator.readObject('large')).equals(content)).toBe(true);
    expect((await cos.multipartList({ ...where, Prefix: 'large', Delimiter: '' })).Upload).toEqual(
      [],
    );
  });

  it('aborts a multipart upload', async () => {
    const { UploadId } = await cos.multipartInit({ ...where, Key: 'never' });
    const aborted = await cos.multipartAbort({ ...where, Key: 'never', UploadId });
    expect(aborted).toMatchObject({ statusCode: 204 });
    const again = cos.multipartAbort({ ...where, Key: 'never', UploadId });
    await expect(again).rejects.toMatchObject({ code: 'NoSuchUpload' });
  });

  it('lists, copies and deletes several objects', async () => {
    const keys = ['list/a', 'list/b', 'list/c/d', 'list/中 文'];
    for (const Key of keys) await cos.putObject({ ...where, Key, Body: Key });
    const listed = await cos.getBucket({
      ...where,
      Prefix: 'list/',
      Delimiter: '/',
      MaxKeys: 2,
    });
    expect(listed).toMatchObject({
      IsTruncated: 'true',
      NextMarker: 'list/b',
      Contents: [{ Key: 'list/a', Size: '6' }, { Key: 'list/b' }],
    });
    const rest = await cos.getBucket({
      ...where,
      Prefix: 'list/',
      Delimiter: '/',
      Marker: 'list/b',
      EncodingType: 'url',
    });
    expect(rest).toMatchObject({
      Contents: [{ Key: encodeURI('list/中 文') }],
      CommonPrefixes: [{ Prefix: 'list/c/' }],
    });
    const source = `${emulator.bucket}.cos.ap-shanghai.myqcloud.com/${encodeURI('list/中 文')}`;
    const copied = await cos.putObjectCopy({ ...where, Key: 'list/copy', CopySource: source });
    expect(copied).toMatchObject({ statusCode: 200, ETag: expect.any(String) });
    expect(String(await emulator.readObject('list/copy'))).toBe('list/中 文');
    const Objects = [...keys, 'list/copy'].map(Key => ({ Key }));
    const deleted = await cos.deleteMultipleObject({ ...where, Objects });
    expect(deleted.Deleted).toHaveLength(5);
    expect((await cos.getBucket({ ...where, Prefix: 'list/' })).Contents).toEqual([]);
  });

  it('signs URLs with permanent keys', async () => {
    const client = clientWith({ SecretId: PAIR.secretId, SecretKey: PAIR.secretKey });
    await client.putObject({ ...where, Key: KEY, Body: 'content' });
    const url = client.getObjectUrl({ ...where, Key: KEY, Sign: true }, () => undefined);
    expect(await send(url)).toMatchObject({ status: 200, text: 'content' });
  });

  it('reports a wrong key', async () => {
    const client = clientWith({ SecretId: PAIR.secretId, SecretKey: 'wrong' });
    await expect(client.headObject({ ...where, Key: KEY })).rejects.toMatchObject({
      statusCode: 403,
    });
    await expect(client.getObject({ ...where, Key: KEY })).rejects.toMatchObject({
      code: 'SignatureDoesNotMatch',
      RequestId: expect.stringMatching(/./),
    });
  });
});
