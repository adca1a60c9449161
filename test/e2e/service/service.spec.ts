import { randomBytes, createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { WxCloudUploadBodyOptions, WxCloudUploadSource } from '../../../lib/index.js';
import type { WxCloudEmulatorJournalEntry } from '../../../lib/emulator/index.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { PNG } from '../../support/forms.js';
import { until } from '../../support/until.js';

let application: TestApplication;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wx-cloud-service-'));
  application = await startApplication({
    options: { upload: { spoolDirectory: folder, memoryLimitBytes: 100_000 } },
  });
});
afterAll(async () => {
  await application.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => application.emulator.reset());

const bytes = randomBytes(300_000);
async function* inChunks(): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += 10_000)
    yield bytes.subarray(start, start + 10_000);
}
const isLink = ({ operation, errcode }: WxCloudEmulatorJournalEntry): boolean =>
  operation === 'upload-link' && errcode === undefined;
const operations = () => application.emulator.journal.map(({ operation }) => operation);

describe('upload', () => {
  it.each([
    ['a Buffer', () => Buffer.from(bytes)],
    ['a Uint8Array', () => new Uint8Array(bytes)],
    ['a Blob', () => new Blob([new Uint8Array(bytes)])],
    ['a File', () => new File([new Uint8Array(bytes)], 'name.bin')],
    ['a Node stream', () => Readable.from(inChunks())],
    ['a web stream', () => Readable.toWeb(Readable.from(inChunks())) as never],
    ['an async iterable', () => inChunks()],
  ])('stores %s byte for byte', async (_, make) => {
    const stored = await application.storage.upload('目录/文件 名+%.bin', make());

    expect(stored).toEqual({
      fileId: `cloud://${application.emulator.env}.${application.emulator.bucket}/目录/文件 名+%.bin`,
      cloudPath: '目录/文件 名+%.bin',
      size: bytes.byteLength,
      contentType: 'application/octet-stream',
      etag: createHash('md5').update(bytes).digest('hex'),
    });
    expect((await application.emulator.readObject('目录/文件 名+%.bin')).equals(bytes)).toBe(true);
    expect(await readdir(folder)).toEqual([]);
  });

  it('streams a body of known size without buffering it', async () => {
    const stored = await application.storage.upload('known.bin', inChunks(), {
      size: bytes.byteLength,
    });
    expect(stored.size).toBe(bytes.byteLength);
    expect((await application.emulator.readObject('known.bin')).equals(bytes)).toBe(true);
  });

  it.each<[string, [WxCloudUploadSource, WxCloudUploadBodyOptions], string]>([
    ['text', ['hello', {}], 'text/plain; charset=utf-8'],
    ['an image', [PNG, {}], 'image/png'],
    ['a Blob with a type', [new Blob(['a,b'], { type: 'text/csv' }), {}], 'text/csv'],
    [
      'anything when the caller says',
      [PNG, { contentType: 'application/x-own' }],
      'application/x-own',
    ],
  ])('stores %s with its type', async (_, [body, options], contentType) => {
    expect(await application.storage.upload('typed', body, options)).toMatchObject({ contentType });
    expect(application.emulator.objects).toMatchObject([{ contentType }]);
  });

  it.each([
    ['at hand', () => Buffer.alloc(0)],
    ['as a stream', () => Readable.from([])],
  ])('stores an empty body %s', async (_, make) => {
    expect(await application.storage.upload('empty', make())).toMatchObject({ size: 0 });
    expect(application.emulator.objects).toMatchObject([{ size: 0, fileIdAlive: true }]);
  });

  it('replaces what is there', async () => {
    await application.storage.upload('a.txt', 'old');
    const { fileId } = await application.storage.upload('a.txt', 'new');
    expect((await application.storage.downloadBuffer(fileId)).toString()).toBe('new');
  });

  it.each([
    '/a',
    'a//b',
    'a/../b',
    './a',
    'a\nb',
    'a\u0000b',
    '',
    'a'.repeat(851),
    '字'.repeat(95),
  ])('rejects the path %j before any call and destroys the stream', async path => {
    const stream = Readable.from(['x']);
    await expect(application.storage.upload(path, stream)).rejects.toMatchObject({
      code: 'WX_CLOUD_PATH_INVALID',
    });
    expect(stream.destroyed).toBe(true);
    expect(application.emulator.journal).toEqual([]);
  });

  it('accepts a path of 850 encoded bytes', async () => {
    await expect(application.storage.upload('a'.repeat(850), 'x')).resolves.toMatchObject({
      size: 1,
    });
  });

  it('rejects with the cause when a stream fails half-way, and leaves nothing', async () => {
    const failure = new Error('the camera was unplugged');
    const stream = Readable.from(
      (async function* () {
        yield bytes.subarray(0, 200_000);
        throw failure;
      })(),
    );

    await expect(application.storage.upload('half.bin', stream)).rejects.toMatchObject({
      code: 'WX_CLOUD_BODY_FAILED',
      cause: failure,
    });
    expect(application.emulator.journal).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ['short', bytes.byteLength + 1],
    ['long', bytes.byteLength - 1],
  ])('stores nothing when a body is too %s for its declared size', async (_, size) => {
    await expect(
      application.storage.upload('declared.bin', inChunks(), { size }),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_SIZE_MISMATCHED' });
    await until(
      () => application.emulator.journal.some(({ aborted }) => aborted === true),
      'the broken-off form',
    );
    expect(application.emulator.objects).toEqual([]);
  });

  it.each([null, 42, {}, ['a']])('rejects %j, which is not a body', async body => {
    await expect(application.storage.upload('a', body as never)).rejects.toMatchObject({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
    });
    expect(application.emulator.journal).toEqual([]);
  });

  it('rejects when its caller aborts, and leaves nothing', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'hang', at: 'request' },
    });
    const controller = new AbortController();
    const upload = application.storage.upload('aborted.bin', bytes, { signal: controller.signal });
    // The first link is refused, as the emulator has forgotten the token.
    await until(() => application.emulator.journal.some(isLink), 'the link');
    controller.abort(new Error('changed my mind'));

    await expect(upload).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_ABORTED',
      cause: { message: 'changed my mind' },
    });
    expect(application.emulator.objects).toEqual([]);
  });

  it('rejects with an aborted signal', async () => {
    const signal = AbortSignal.abort();
    await expect(application.storage.upload('a', 'x', { signal })).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_ABORTED',
    });
    expect(application.emulator.journal).toEqual([]);
  });

  it('rejects at its timeout', async () => {
    application.emulator.faults.add({
      operation: 'upload-link',
      effect: { kind: 'hang', at: 'request' },
    });
    await expect(application.storage.upload('a', 'x', { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
      phase: 'total',
    });
  });
});

describe('uploadFile', () => {
  it('stores a local file', async () => {
    const path = join(folder, 'local.png');
    await writeFile(path, PNG);
    expect(await application.storage.uploadFile(path, 'local.png')).toMatchObject({
      size: PNG.byteLength,
      contentType: 'image/png',
    });
    expect((await application.emulator.readObject('local.png')).equals(PNG)).toBe(true);
    await rm(path);
  });

  it.each(['missing.png', ''])('rejects %j, which is not a file', async name => {
    await expect(application.storage.uploadFile(join(folder, name), 'a')).rejects.toMatchObject({
      code: 'WX_CLOUD_BODY_FAILED',
    });
    expect(application.emulator.journal).toEqual([]);
  });
});

const isGivenLink = ({ operation, errcode }: WxCloudEmulatorJournalEntry): boolean =>
  operation === 'upload-link' && errcode === undefined;

describe('upload after a transient failure', () => {
  it('retries with a fresh link', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'cos-error', cosCode: 'SlowDown', status: 503 },
      times: 2,
    });

    await application.storage.upload('retried.bin', Readable.from(inChunks()));

    const links = application.emulator.journal.filter(isGivenLink);
    expect(links).toHaveLength(3);
    expect((await application.emulator.readObject('retried.bin')).equals(bytes)).toBe(true);
  });

  it('does not retry a stream that cannot be read again', async () => {
    application.emulator.faults.add({ operation: 'post-object', effect: { kind: 'empty' } });
    await expect(
      application.storage.upload('once.bin', inChunks(), { size: bytes.byteLength }),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_UPLOAD_REJECTED' });
    expect(operations().filter(operation => operation === 'post-object')).toHaveLength(1);
  });

  it('keeps an older object when nothing new was stored', async () => {
    await application.storage.upload('kept.txt', 'the older one');
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'empty' },
      times: 3,
    });

    await expect(application.storage.upload('kept.txt', 'the newer one')).rejects.toMatchObject({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
    });
    expect((await application.emulator.readObject('kept.txt')).toString()).toBe('the older one');
  });

  it('leaves no object at a unique path when every response is lost', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'reset', at: 'answer' },
      times: 3,
    });

    const upload = application.storage.upload('lost.bin', bytes, { uniquePath: true });
    await expect(upload).rejects.toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED' });
    expect(application.emulator.objects).toEqual([]);
  });
});

describe('downloadStream, downloadBuffer and downloadToFile', () => {
  it('return a stream with its size, type and ETag', async () => {
    const { fileId, etag } = await application.storage.upload('a.png', PNG);
    const { body, ...rest } = await application.storage.download(fileId);

    expect(rest).toMatchObject({ size: PNG.byteLength, contentType: expect.any(String), etag });
    expect(Buffer.concat(await body.toArray()).equals(PNG)).toBe(true);
  });

  it('return a buffer up to a limit', async () => {
    const { fileId } = await application.storage.upload('b.bin', bytes);
    expect((await application.storage.downloadBuffer(fileId)).equals(bytes)).toBe(true);
    await expect(
      application.storage.downloadBuffer(fileId, { maxBytes: 299_999 }),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_FILE_TOO_LARGE', limitBytes: 299_999 });
  });

  it('write a complete local file, or none', async () => {
    const { fileId } = await application.storage.upload('c.bin', bytes);
    const path = join(folder, 'c.bin');
    await application.storage.downloadToFile(fileId, path);
    expect((await readFile(path)).equals(bytes)).toBe(true);

    application.emulator.faults.add({
      operation: 'get-object',
      effect: { kind: 'reset', at: 'answer', afterBytes: 1_000 },
      times: Infinity,
    });
    await expect(
      application.storage.downloadToFile(fileId, join(folder, 'd.bin')),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED' });
    expect(await readdir(folder)).toEqual(['c.bin']);
    await rm(path);
  });

  it('release the connection when the reader leaves', async () => {
    const { fileId } = await application.storage.upload('e.bin', Buffer.alloc(5_000_000));
    const { body } = await application.storage.download(fileId);
    body.destroy();
    await until(() => operations().includes('get-object'), 'an ended download');
    expect(application.emulator.journal.at(-1)).toMatchObject({
      operation: 'get-object',
      aborted: true,
    });
  });

  it('reject a file that does not exist', async () => {
    const fileId = `cloud://${application.emulator.env}.${application.emulator.bucket}/missing`;
    await expect(application.storage.download(fileId)).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_NOT_FOUND',
    });
    expect(await application.storage.exists(fileId)).toBe(false);
    await expect(application.storage.stat(fileId)).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_NOT_FOUND',
    });
  });

  it('retry with a fresh link when the first one does not respond', async () => {
    const { fileId } = await application.storage.upload('f.bin', bytes);
    application.emulator.faults.add({ operation: 'get-object', effect: { kind: 'empty' } });
    expect((await application.storage.downloadBuffer(fileId)).equals(bytes)).toBe(true);
  });
});

describe('file IDs of the service', () => {
  const foreign = () => [
    `cloud://other-env.${application.emulator.bucket}/a`,
    `cloud://${application.emulator.env}.other-bucket/a`,
    `cloud://${application.emulator.env}.${application.emulator.bucket}/../a`,
    `cloud://${application.emulator.env}.${application.emulator.bucket}/`,
    'https://example.com/a',
    '',
    undefined as never,
  ];

  it('never reach the network when they are foreign or malformed', async () => {
    const { storage, emulator } = application;
    await storage.upload('teaches-the-bucket', 'x');
    const before = emulator.journal.length;

    for (const fileId of foreign()) {
      const refused = { code: 'WX_CLOUD_FILE_ID_INVALID' };
      await expect(storage.download(fileId)).rejects.toMatchObject(refused);
      await expect(storage.downloadBuffer(fileId)).rejects.toMatchObject(refused);
      await expect(storage.getDownloadUrl(fileId)).rejects.toMatchObject(refused);
      await expect(storage.delete(fileId)).rejects.toMatchObject(refused);
      await expect(storage.stat(fileId)).rejects.toMatchObject(refused);
      await expect(storage.exists(fileId)).rejects.toMatchObject(refused);
      expect(() => storage.file(fileId)).toThrow(expect.objectContaining(refused));
    }
    expect(emulator.journal).toHaveLength(before);
  });
});

describe('getDownloadUrls and deleteMany', () => {
  it('split lists at 50, with an outcome per file in order', async () => {
    const { storage, emulator } = application;
    const stored = await Promise.all(
      Array.from({ length: 120 }, (_, index) => storage.upload(`many/${index}.txt`, String(index))),
    );
    const missing = String(stored[0]?.fileId).replace('many/0', 'many/none');
    const ids = [...stored.map(({ fileId }) => fileId), missing, 'not-an-id'];

    const links = await storage.getDownloadUrls(ids);
    expect(links.map(({ fileId }) => fileId)).toEqual(ids);
    expect(links.map(({ ok }) => ok)).toEqual([...stored.map(() => true), false, false]);
    expect(links[77]).toMatchObject({ url: expect.stringContaining('/many/77.txt') });
    expect(links.slice(120)).toMatchObject([
      { error: { code: 'WX_CLOUD_FILE_NOT_FOUND' } },
      { error: { code: 'WX_CLOUD_FILE_ID_INVALID' } },
    ]);
    expect(operations().filter(operation => operation === 'download-links')).toHaveLength(3);

    const outcomes = await storage.deleteMany(ids);
    expect(outcomes.map(({ ok }) => ok)).toEqual([...ids.slice(0, 121).map(() => true), false]);
    expect(emulator.objects).toEqual([]);
  });

  it('send nothing for an empty list', async () => {
    expect(await application.storage.getDownloadUrls([])).toEqual([]);
    expect(await application.storage.deleteMany([])).toEqual([]);
    expect(application.emulator.journal).toEqual([]);
  });

  it('lose only the batch whose request failed', async () => {
    const { storage, emulator } = application;
    const { fileId } = await storage.upload('a', 'x');
    emulator.faults.add({
      operation: 'delete-files',
      effect: { kind: 'errcode', errcode: -501005 },
      times: 1,
    });

    const outcomes = await storage.deleteMany(
      Array.from({ length: 51 }, (_, index) => `${fileId}${index}`),
    );

    expect([1, 50]).toContain(outcomes.filter(({ ok }) => !ok).length);
  });
});

describe('getDownloadUrl', () => {
  it('returns a link to the content', async () => {
    const { fileId } = await application.storage.upload('a.png', PNG);
    const response = await fetch(
      await application.storage.getDownloadUrl(fileId, { maxAgeSeconds: 60 }),
    );
    expect(Buffer.from(await response.arrayBuffer()).equals(PNG)).toBe(true);
  });

  it.each([0, -1, 1.5, 86_401, Number.NaN])('rejects a life of %d seconds', async maxAgeSeconds => {
    const { fileId } = await application.storage.upload('a', 'x');
    await expect(
      application.storage.getDownloadUrl(fileId, { maxAgeSeconds }),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_ARGUMENT_INVALID' });
  });
});

describe('delete', () => {
  it('succeeds for a missing file', async () => {
    const { fileId } = await application.storage.upload('a', 'x');
    await application.storage.delete(fileId);
    await expect(application.storage.delete(fileId)).resolves.toBeUndefined();
  });
});

describe('WxCloudFile', () => {
  it('reads, links, checks and deletes its file', async () => {
    const { fileId } = await application.storage.upload('handle/a.png', PNG);
    const file = application.storage.file(fileId);

    expect(file).toMatchObject({ fileId, cloudPath: 'handle/a.png' });
    expect((await file.buffer()).equals(PNG)).toBe(true);
    expect(Buffer.concat(await (await file.stream()).toArray()).equals(PNG)).toBe(true);
    expect(await file.url()).toMatch(/^http/);
    expect(await file.stat()).toMatchObject({ size: PNG.byteLength });
    expect(JSON.stringify({ file })).toBe(JSON.stringify({ file: fileId }));
    await file.delete();
    expect(application.emulator.objects).toEqual([]);
  });
});
