import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  startWxCloudEmulator,
  type WxCloudEmulator,
  type WxCloudEmulatorOptions,
} from '../../lib/emulator/index.js';
import type {
  WxCloudListEntry,
  WxCloudStorageOptions,
  WxCloudUploadBodyOptions,
} from '../../lib/index.js';
import { callCos, fetchCosKeys } from '../e2e/emulator/support/cos-signer.js';
import { afterThisTest } from '../support/after-test.js';
import { startStorage } from '../support/storage.js';

const KEYS = { secretId: 'AKIDexample', secretKey: 'example-of-a-secret-key' };
const ALL = { metadata: { Order: '\u732b 100%' }, cacheControl: 'max-age=60' };

let emulator: WxCloudEmulator;
const onOrphan = jest.fn<(fileIds: readonly string[]) => void>();
beforeEach(() => {
  onOrphan.mockClear();
});

/** A service in a container, with the bucket of an emulator of its own. */
async function startDirect(cos: WxCloudEmulatorOptions['cos'] = {}) {
  emulator = await startWxCloudEmulator({ cos });
  afterThisTest(() => emulator.close());
  return startService();
}

async function startService(cos: Partial<NonNullable<WxCloudStorageOptions['cos']>> = {}) {
  const { storage } = await startStorage({
    env: emulator.env,
    auth: { type: 'open-api-service' },
    apiBaseUrl: emulator.sidecarUrl,
    cos: { bucket: emulator.bucket, endpoint: emulator.cosEndpoint, ...cos },
    onOrphan,
  } as Partial<WxCloudStorageOptions>);
  return storage;
}

/** A service outside of the container; `cos` for one with keys of its own. */
async function startOutside(cos?: 'cos') {
  emulator = await startWxCloudEmulator({ cos: { keys: [KEYS] } });
  afterThisTest(() => emulator.close());
  const { bucket, cosEndpoint: endpoint } = emulator;
  const options = {
    ...emulator.options,
    ...(cos && { cos: { bucket, endpoint, credentials: KEYS } }),
  };
  return (await startStorage(options as Partial<WxCloudStorageOptions>)).storage;
}

const fileIdOf = (path: string): string => `cloud://${emulator.env}.${emulator.bucket}/${path}`;
const operations = (): readonly string[] => emulator.journal.map(({ operation }) => operation);
const countOf = (...names: readonly string[]): readonly number[] =>
  names.map(name => operations().filter(operation => operation === name).length);

describe('stat with the option cos', () => {
  it('returns what was stored with the file, without a link', async () => {
    const storage = await startDirect();
    const options = { ...ALL, contentDisposition: 'attachment; filename="a.txt"' };
    const { fileId } = await storage.upload('a.txt', 'hello', options);
    expect(await storage.stat(fileId)).toEqual({
      fileId,
      cloudPath: 'a.txt',
      size: 5,
      contentType: 'text/plain; charset=utf-8',
      contentEncoding: undefined,
      etag: '5d41402abc4b2a76b9719d911017c592',
      lastModified: expect.any(Date),
      metadata: { order: '\u732b 100%' },
      cacheControl: 'max-age=60',
      contentDisposition: 'attachment; filename="a.txt"',
    });
    expect(countOf('head-object', 'download-links')).toEqual([1, 0]);
  });

  it('does not take the disposition of the domain for that of the file', async () => {
    const storage = await startDirect({ forceDownload: true });
    const { fileId } = await storage.upload('a.txt', 'hello');
    const { metadata, contentDisposition } = await storage.stat(fileId);
    expect([metadata, contentDisposition]).toEqual([{}, undefined]);
  });

  it('asks for a link while the keys lack the right', async () => {
    const storage = await startDirect({ denied: ['head-object'] });
    const { fileId } = await storage.upload('a.txt', 'hello');
    const { size, metadata } = await storage.stat(fileId);
    expect([size, metadata]).toEqual([5, undefined]);
    const refused = () => emulator.journal.filter(({ status }) => status === 403).length;
    const first = refused();
    await storage.stat(fileId);
    expect(refused()).toBe(first);
    expect(storage.capabilities).toMatchObject({ copy: false, ownerOf: false, metadata: true });
  });

  it('rejects for a missing file', async () => {
    const storage = await startDirect();
    const { fileId } = await storage.upload('a', 'hello');
    await storage.delete(fileId);
    await expect(storage.stat(fileId)).rejects.toMatchObject({ code: 'WX_CLOUD_FILE_NOT_FOUND' });
    expect(await storage.exists(fileId)).toBe(false);
    await expect(storage.download(fileId)).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_NOT_FOUND',
    });
  });
});

describe('download with the option cos', () => {
  it('reads the file and a range of it, without a link', async () => {
    const storage = await startDirect();
    const { fileId } = await storage.upload('\u732b +%.txt', '0123456789');
    expect(String(await storage.downloadBuffer(fileId))).toBe('0123456789');
    const range = { start: 2, end: 4 };
    expect(String(await storage.downloadBuffer(fileId, { range }))).toBe('234');
    await expect(storage.downloadBuffer(fileId, { range: { start: 10 } })).rejects.toMatchObject({
      code: 'WX_CLOUD_RANGE_UNSATISFIABLE',
    });
    expect(countOf('get-object', 'download-links')).toEqual([3, 0]);
  });

  it('resumes over broken connections', async () => {
    const storage = await startDirect();
    const bytes = randomBytes(1_000_000);
    const { fileId } = await storage.upload('a', bytes);
    emulator.faults.add({
      operation: 'get-object',
      effect: { kind: 'reset', at: 'answer', afterBytes: 300_000 },
      times: 2,
    });
    expect((await storage.downloadBuffer(fileId, { verifyEtag: true })).equals(bytes)).toBe(true);
  });

  it('asks for a link while the keys lack the right', async () => {
    const storage = await startDirect({ denied: ['get-object'] });
    const { fileId } = await storage.upload('a', 'hello');
    for (let count = 0; count < 2; count += 1) {
      expect(String(await storage.downloadBuffer(fileId))).toBe('hello');
    }
    expect(emulator.journal.filter(({ status }) => status === 403)).toHaveLength(1);
  });

  it('confirms a file without a link', async () => {
    const storage = await startDirect();
    const { fileId } = await storage.upload('a', 'hello');
    await expect(storage.confirmUpload(fileId)).resolves.toMatchObject({ size: 5 });
    expect(countOf('download-links')).toEqual([0]);
  });
});

describe('delete with the option cos', () => {
  it('deletes a file at the bucket', async () => {
    const storage = await startDirect();
    const { fileId } = await storage.upload('a', 'hello');
    await storage.delete(fileId);
    await storage.delete(fileId);
    expect(emulator.objects).toEqual([]);
    expect(countOf('delete-object', 'delete-files')).toEqual([2, 0]);
  });

  it('calls WeChat while the keys lack the right', async () => {
    const storage = await startDirect({ denied: ['delete-object'] });
    for (const path of ['a', 'b']) {
      const { fileId } = await storage.upload(path, 'hello');
      await storage.delete(fileId);
    }
    expect(emulator.objects).toEqual([]);
    expect(countOf('delete-object', 'delete-files')).toEqual([1, 2]);
  });
});

describe('deleteMany with the option cos', () => {
  it('deletes files in one request, whether they exist or not', async () => {
    const storage = await startDirect();
    await Promise.all(['a', 'b \u732b'].map(path => storage.upload(path, 'x')));
    const fileIds = ['a', 'b \u732b', 'missing &<>"'].map(fileIdOf);
    const outcomes = await storage.deleteMany(fileIds);
    expect(outcomes).toEqual(fileIds.map(fileId => ({ fileId, ok: true })));
    expect(emulator.objects).toEqual([]);
    expect(countOf('delete-objects', 'delete-object', 'delete-files')).toEqual([1, 0, 0]);
  });

  it('calls WeChat while the keys lack the right', async () => {
    const storage = await startDirect({ denied: ['delete-objects'] });
    await Promise.all(['a', 'b'].map(path => storage.upload(path, 'x')));
    const outcomes = await storage.deleteMany(['a', 'b'].map(fileIdOf));
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true]);
    expect(emulator.objects).toEqual([]);
    expect(countOf('delete-objects', 'delete-files')).toEqual([1, 1]);
  });

  it('gives a bad file its own error', async () => {
    const storage = await startDirect();
    await Promise.all(['a', 'b', 'c'].map(path => storage.upload(path, 'x')));
    emulator.faults.add({
      operation: 'delete-objects',
      effect: { kind: 'item', status: 1, errmsg: 'PathConflict', index: 1 },
    });
    const outcomes = await storage.deleteMany(['a', 'b', 'c'].map(fileIdOf));
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true]);
  });
});

describe('list', () => {
  it('lists files with living file IDs, and folders', async () => {
    const storage = await startDirect();
    for (const path of ['a/\u732b +%.txt', 'a/b/1.txt', 'a/b/2.txt', 'z.txt']) {
      await storage.upload(path, 'hello');
    }
    const entries: WxCloudListEntry[] = [];
    const list = storage.list({ prefix: 'a/', delimiter: '/' });
    for await (const entry of list) entries.push(entry);
    expect(entries).toEqual([
      { type: 'prefix', cloudPath: 'a/b/' },
      {
        type: 'file',
        fileId: fileIdOf('a/\u732b +%.txt'),
        cloudPath: 'a/\u732b +%.txt',
        size: 5,
        etag: '5d41402abc4b2a76b9719d911017c592',
        lastModified: expect.any(Date),
      },
    ]);
    expect(String(await storage.downloadBuffer(fileIdOf('a/\u732b +%.txt')))).toBe('hello');
  });

  it('is not supported while the keys lack the right', async () => {
    const storage = await startDirect({ denied: ['list-objects'] });
    for (let count = 0; count < 2; count += 1) {
      await expect(storage.list().next()).rejects.toMatchObject({ code: 'WX_CLOUD_UNSUPPORTED' });
    }
    expect(countOf('list-objects')).toEqual([1]);
    expect(storage.capabilities.list).toBe(false);
  });
});

describe('copy and move', () => {
  it('keep properties and owner, and make a living file ID', async () => {
    const storage = await startDirect();
    const options = { ...ALL, contentType: 'text/x-own', openid: 'o-1' };
    const { fileId } = await storage.upload('from \u732b.txt', 'hello', options);
    const copy = await storage.copy(fileId, 'to/\u732b.txt');
    expect(copy).toEqual({
      fileId: fileIdOf('to/\u732b.txt'),
      cloudPath: 'to/\u732b.txt',
      size: 5,
      contentType: 'text/x-own',
      etag: '5d41402abc4b2a76b9719d911017c592',
    });
    expect(await storage.stat(copy.fileId)).toMatchObject({
      contentType: 'text/x-own',
      metadata: { order: '\u732b 100%' },
      cacheControl: 'max-age=60',
    });
    expect(await storage.ownerOf(copy.fileId)).toEqual({ openid: 'o-1' });
    expect(emulator.objects.map(({ fileIdAlive }) => fileIdAlive)).toEqual([true, true]);
    await expect(storage.getDownloadUrl(copy.fileId)).resolves.toContain('http');
  });

  it('delete the source of a move only', async () => {
    const storage = await startDirect();
    const { fileId } = await storage.upload('a', 'hello');
    await storage.move(fileId, 'b');
    expect(emulator.objects.map(({ cloudPath }) => cloudPath)).toEqual(['b']);
  });

  it('repair a dead file ID', async () => {
    const storage = await startDirect();
    const body = '{"errcode":0,"respdata":{"x_cos_meta_field_strs":["dead"]}}';
    emulator.faults.add({
      operation: 'encode-metaid',
      effect: { kind: 'status', status: 200, body },
      times: 1,
    });
    await storage.upload('a', 'hello');
    expect(emulator.objects).toMatchObject([{ cloudPath: 'a', fileIdAlive: false }]);
    await storage.copy(fileIdOf('a'), 'a');
    expect(emulator.objects).toMatchObject([{ cloudPath: 'a', fileIdAlive: true }]);
  });

  it('repeat a 200 with an error', async () => {
    const storage = await startDirect();
    const { fileId } = await storage.upload('a', 'hello');
    emulator.faults.add({
      operation: 'copy-object',
      effect: { kind: 'cos-error', cosCode: 'InternalError', status: 200 },
      times: 1,
    });
    await expect(storage.copy(fileId, 'b')).resolves.toMatchObject({ size: 5 });
  });

  it('report a copy that may exist after the last lost response', async () => {
    const storage = await startDirect();
    const { fileId } = await storage.upload('a', 'hello');
    emulator.faults.add({
      operation: 'copy-object',
      effect: { kind: 'reset', at: 'answer' },
      times: Infinity,
    });
    await expect(storage.copy(fileId, 'b')).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
    expect(onOrphan.mock.calls).toEqual([[[fileIdOf('b')]]]);
    await expect(storage.copy(fileId, 'c', { uniquePath: true })).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
    expect(emulator.objects.map(({ cloudPath }) => cloudPath).toSorted()).toEqual(['a', 'b']);
  });

  it('are not supported while the keys lack the right', async () => {
    const storage = await startDirect({ denied: ['copy-object'] });
    const { fileId } = await storage.upload('a', 'hello');
    await expect(storage.move(fileId, 'b')).rejects.toMatchObject({ code: 'WX_CLOUD_UNSUPPORTED' });
    expect(emulator.objects.map(({ cloudPath }) => cloudPath)).toEqual(['a']);
    expect(storage.capabilities).toMatchObject({ copy: false, move: false });
  });
});

describe('createOnly', () => {
  it('stores a file where there is none, and keeps an existing one', async () => {
    const storage = await startDirect();
    await storage.upload('a', 'first', { createOnly: true });
    await expect(storage.upload('a', 'second', { createOnly: true })).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_EXISTS',
      upstreamStatus: 409,
      retryable: false,
    });
    expect(String(await emulator.readObject('a'))).toBe('first');
    expect(onOrphan).not.toHaveBeenCalled();
  });

  it('lets one of many concurrent uploads win', async () => {
    const storage = await startDirect();
    const uploads = Array.from({ length: 10 }, (_, index) =>
      storage.upload('a', `number ${index}`, { createOnly: true }),
    );
    const settled = await Promise.allSettled(uploads);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('reports a file that a lost response may have come from', async () => {
    const storage = await startDirect();
    emulator.faults.add({
      operation: 'put-object',
      effect: { kind: 'reset', at: 'answer' },
      times: 1,
    });
    await expect(storage.upload('a', 'x', { createOnly: true })).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_EXISTS',
    });
    expect(onOrphan.mock.calls).toEqual([[[`cloud://${emulator.env}.${emulator.bucket}/a`]]]);
  });

  it('is not supported by a bucket with versions, and is not sent to it again', async () => {
    const storage = await startDirect({ versioning: true });
    for (let count = 0; count < 2; count += 1) {
      await expect(storage.upload('a', 'x', { createOnly: true })).rejects.toMatchObject({
        code: 'WX_CLOUD_UNSUPPORTED',
      });
    }
    expect(countOf('put-object')).toEqual([1]);
    expect(onOrphan).toHaveBeenCalledTimes(1);
    expect(storage.capabilities.createOnly).toBe(false);
  });
});

describe('openid and ownerOf', () => {
  it('signs a user into the file', async () => {
    const storage = await startDirect();
    const own = await storage.upload('a', 'x', { openid: 'o-1' });
    const ours = await storage.upload('b', 'x');
    expect(await storage.ownerOf(own.fileId)).toEqual({ openid: 'o-1' });
    expect(await storage.ownerOf(ours.fileId)).toBeUndefined();
  });

  it('are not supported outside of the container', async () => {
    const storage = await startOutside('cos');
    const { fileId } = await storage.upload('a', 'x', ALL);
    expect(await storage.stat(fileId)).toMatchObject({ metadata: { order: '\u732b 100%' } });
    for (const call of [storage.ownerOf(fileId), storage.upload('b', 'x', { openid: 'o-1' })]) {
      await expect(call).rejects.toMatchObject({ code: 'WX_CLOUD_UNSUPPORTED' });
    }
    expect(storage.capabilities).toMatchObject({ openid: false, ownerOf: false, list: true });
  });
});

describe('createUploadUrl', () => {
  const put = async (url: string, headers: Readonly<Record<string, string>>): Promise<number> =>
    (await fetch(url, { method: 'PUT', headers, body: 'from a client' })).status;

  it('lets a client store one file with a plain PUT', async () => {
    const storage = await startDirect();
    const made = await storage.createUploadUrl('from/\u732b.txt', { contentType: 'text/plain' });
    expect(await put(made.url, made.headers)).toBe(200);
    expect(emulator.objects).toMatchObject([
      { cloudPath: 'from/\u732b.txt', contentType: 'text/plain', fileIdAlive: true },
    ]);
    expect(await storage.stat(made.fileId)).toMatchObject({ size: 13, contentType: 'text/plain' });
    expect(made.expiresAt.getTime()).toBeGreaterThan(Date.now());
    expect(made.url).not.toContain('a-secret');
  });

  it.each([
    ['another type', { 'content-type': 'text/html' }],
    ['another file ID', { 'x-cos-meta-fileid': 'other' }],
  ])('refuses %s', async (_, changed) => {
    const storage = await startDirect();
    const { url, headers } = await storage.createUploadUrl('a', { contentType: 'text/plain' });
    expect(await put(url, { ...headers, ...changed })).toBe(403);
    expect(emulator.objects).toEqual([]);
  });
});

describe('upload without the option cos', () => {
  it.each<WxCloudUploadBodyOptions>([
    { metadata: { a: 'b' } },
    { cacheControl: 'no-store' },
    { contentDisposition: 'attachment' },
    { createOnly: true },
    { openid: 'o-1' },
  ])('does not support %j, and sends nothing', async options => {
    const storage = await startOutside();
    await expect(storage.upload('a', 'x', options)).rejects.toMatchObject({
      code: 'WX_CLOUD_UNSUPPORTED',
      message: expect.stringContaining('Set the option cos'),
    });
    expect(emulator.journal).toEqual([]);
  });

  it('takes values that mean nothing', async () => {
    const storage = await startOutside();
    const nothing = { metadata: {}, createOnly: false, openid: '', cacheControl: undefined };
    await expect(storage.upload('a', 'x', nothing)).resolves.toMatchObject({ size: 1 });
  });
});

describe('an upload with properties in parts', () => {
  const MIB = 1_048_576;
  async function* inChunks(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 5; count += 1) yield randomBytes(MIB / 2);
  }
  const options = { ...ALL, createOnly: true, openid: 'o-1' };

  it('keeps them, and refuses an existing file', async () => {
    await startDirect();
    const storage = await startService({ partBytes: MIB });
    const { fileId } = await storage.upload('a', inChunks(), options);
    expect(countOf('complete-multipart-upload', 'put-object')).toEqual([1, 0]);
    expect(await storage.stat(fileId)).toMatchObject({
      size: 2.5 * MIB,
      metadata: { order: '\u732b 100%' },
      cacheControl: 'max-age=60',
    });
    expect(await storage.ownerOf(fileId)).toEqual({ openid: 'o-1' });
    await expect(storage.upload('a', inChunks(), options)).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_EXISTS',
    });
    expect(await storage.sweepUnfinishedUploads({ olderThanSeconds: 0 })).toBe(0);
    expect(onOrphan).not.toHaveBeenCalled();
  });

  it('keeps them in one request while the keys lack the right to parts', async () => {
    await startDirect({ denied: ['initiate-multipart-upload'] });
    const storage = await startService({ partBytes: MIB });
    const { fileId } = await storage.upload('a', inChunks(), options);
    expect(countOf('put-object', 'post-object')).toEqual([1, 0]);
    expect(await storage.stat(fileId)).toMatchObject({ metadata: { order: '\u732b 100%' } });
  });

  it('does not support createOnly in a bucket with versions', async () => {
    await startDirect({ versioning: true });
    const storage = await startService({ partBytes: MIB });
    await expect(storage.upload('a', inChunks(), options)).rejects.toMatchObject({
      code: 'WX_CLOUD_UNSUPPORTED',
    });
  });
});

describe('an upload with properties', () => {
  it('is not sent as a form when the keys may not put objects', async () => {
    const storage = await startDirect({ denied: ['put-object'] });
    for (let count = 0; count < 2; count += 1) {
      await expect(storage.upload('a', 'x', ALL)).rejects.toMatchObject({
        code: 'WX_CLOUD_UNSUPPORTED',
        message: expect.stringContaining('name/cos:PutObject'),
      });
    }
    expect(countOf('put-object', 'post-object')).toEqual([1, 0]);
    await expect(storage.upload('a', 'x')).resolves.toMatchObject({ size: 1 });
  });
});

describe('sweepUnfinishedUploads', () => {
  it('removes what a crashed process has left', async () => {
    const storage = await startDirect();
    for (const key of ['a', 'b/\u732b']) {
      await callCos(emulator, { method: 'POST', key, query: { uploads: '' } });
    }
    expect(await storage.sweepUnfinishedUploads({ olderThanSeconds: 3_600 })).toBe(0);
    expect(await storage.sweepUnfinishedUploads({ olderThanSeconds: 0 })).toBe(2);
    expect(await storage.sweepUnfinishedUploads({ olderThanSeconds: 0 })).toBe(0);
  });
});

describe('errors of the bucket', () => {
  it('hold no key, token or signed file ID, whatever COS repeats', async () => {
    await startDirect();
    const { secretId, secretKey, securityToken: token = '' } = await fetchCosKeys(emulator);
    const credentials = () => ({
      secretId,
      secretKey,
      token,
      expiresAt: new Date(Date.now() + 9e5),
    });
    const storage = await startService({ credentials });
    const { fileId } = await storage.upload('a', 'x');
    const metaId = 'a-signed-file-id';
    const body = `{"errcode":0,"respdata":{"x_cos_meta_field_strs":["${metaId}"]}}`;
    emulator.faults.add({
      operation: 'encode-metaid',
      effect: { kind: 'status', status: 200, body },
      times: Infinity,
    });
    const check = async (
      operation: string,
      sent: readonly string[],
      call: () => Promise<unknown>,
    ): Promise<void> => {
      const message = `refused ${sent.join(' ')}`;
      const effect = { kind: 'cos-error', cosCode: 'InvalidArgument', message } as const;
      emulator.faults.add({ operation: operation as never, effect });
      const error: unknown = await call().catch((reason: unknown) => reason);
      const shown = inspect(error, { depth: Infinity, showHidden: true }) + JSON.stringify(error);
      expect(shown).toContain('InvalidArgument');
      expect([...sent, secretKey].filter(secret => shown.includes(secret))).toEqual([]);
    };
    await check('get-object', [token], () => storage.downloadBuffer(fileId));
    await check('list-objects', [token], () => storage.list().next());
    await check('put-object', [token, metaId], () => storage.upload('b', 'x', ALL));
    await check('copy-object', [token, metaId], () => storage.copy(fileId, 'b'));
  });
});
