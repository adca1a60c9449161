import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { WxCloudEmulatorOptions } from '../../../lib/emulator/index.js';
import type { WxCloudStorageOptions } from '../../../lib/index.js';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { startStorage } from '../../support/storage.js';

const KEYS = { secretId: 'AKIDexample', secretKey: 'example-of-a-secret-key' };
const HELLO_MD5 = createHash('md5').update('hello').digest('hex');

let emulator: WxCloudEmulator;
const onOrphan = jest.fn<(fileIds: readonly string[]) => void>();

async function startEmulator(options?: WxCloudEmulatorOptions): Promise<void> {
  emulator = await startWxCloudEmulator(options);
}

beforeEach(() => startEmulator());
afterEach(() => {
  onOrphan.mockClear();
  return emulator.close();
});

/** A service in a container, with the bucket of the emulator. */
async function startDirect(
  cos: Partial<NonNullable<WxCloudStorageOptions['cos']>> = {},
  options: Partial<WxCloudStorageOptions> = {},
) {
  const { storage } = await startStorage({
    env: emulator.env,
    auth: { type: 'open-api-service' },
    apiBaseUrl: emulator.sidecarUrl,
    cos: { bucket: emulator.bucket, endpoint: emulator.cosEndpoint, ...cos },
    onOrphan,
    ...options,
  } as Partial<WxCloudStorageOptions>);
  return storage;
}

function operations(): readonly string[] {
  return emulator.journal.map(({ operation }) => operation);
}

function countOf(operation: string): number {
  return operations().filter(name => name === operation).length;
}

describe('upload with the option cos', () => {
  it('stores an object with a living file ID, in one request without a link', async () => {
    const storage = await startDirect();
    const stored = await storage.upload('照片/a b.txt', 'hello');
    expect(stored).toEqual({
      fileId: `cloud://${emulator.env}.${emulator.bucket}/照片/a b.txt`,
      cloudPath: '照片/a b.txt',
      size: 5,
      contentType: 'text/plain; charset=utf-8',
      etag: HELLO_MD5,
    });
    expect(operations().toSorted()).toEqual(['cos-keys', 'encode-metaid', 'put-object']);
    expect(emulator.objects).toMatchObject([
      { fileIdAlive: true, contentType: stored.contentType },
    ]);
    await expect(storage.downloadBuffer(stored.fileId)).resolves.toEqual(Buffer.from('hello'));
  });

  it('signs the file IDs of concurrent uploads in one call', async () => {
    const storage = await startDirect();
    const paths = Array.from({ length: 50 }, (_, index) => `${index}.txt`);
    const stored = await Promise.all(paths.map(path => storage.upload(path, path)));
    expect(stored.map(({ cloudPath }) => cloudPath)).toEqual(paths);
    expect([countOf('cos-keys'), countOf('encode-metaid'), countOf('put-object')]).toEqual([
      1, 1, 50,
    ]);
    expect(emulator.objects.every(({ fileIdAlive }) => fileIdAlive)).toBe(true);
  });

  it('takes file IDs from links with keys outside of the container', async () => {
    await emulator.close();
    await startEmulator({ cos: { keys: [KEYS] } });
    const { storage } = await startStorage({
      ...emulator.options,
      cos: { bucket: emulator.bucket, endpoint: emulator.cosEndpoint, credentials: KEYS },
    } as Partial<WxCloudStorageOptions>);
    await storage.upload('a.txt', 'hello');
    expect(operations()).toEqual(['stable-token', 'upload-link', 'put-object']);
    expect(emulator.objects).toMatchObject([{ fileIdAlive: true }]);
  });

  it('sends an empty object, large bytes and a stream of known size', async () => {
    const storage = await startDirect();
    const large = randomBytes(3_000_000);
    await storage.upload('empty', '');
    await storage.upload('large', large);
    await storage.upload('stream', Readable.from([large.subarray(0, 7), large.subarray(7)]), {
      size: large.byteLength,
    });
    const sizes = emulator.objects.map(({ cloudPath, size }) => [cloudPath, size]);
    expect(Object.fromEntries(sizes)).toEqual({ empty: 0, large: 3_000_000, stream: 3_000_000 });
    expect(large.equals(await emulator.readObject('stream'))).toBe(true);
  });

  it.each([
    ['longer', 3],
    ['shorter', 9],
  ])('stores nothing of a stream that is %s than declared', async (_, size) => {
    const storage = await startDirect();
    await expect(
      storage.upload('a', Readable.from([Buffer.from('hello')]), { size }),
    ).rejects.toMatchObject({
      code: 'WX_CLOUD_SIZE_MISMATCHED',
    });
    expect(emulator.objects).toEqual([]);
  });

  it('reports the progress of each attempt', async () => {
    const storage = await startDirect();
    emulator.faults.add({
      operation: 'put-object',
      effect: { kind: 'status', status: 503 },
      times: 1,
    });
    const seen: number[] = [];
    const onProgress = ({ transferredBytes }: { readonly transferredBytes: number }): void => {
      seen.push(transferredBytes);
    };
    await storage.upload('a', 'hello', { onProgress });
    expect(seen).toEqual([0, 0, 5]);
  });

  it('replaces keys that end in between', async () => {
    const storage = await startDirect();
    await storage.upload('a', 'hello');
    emulator.expireCosKeys();
    await storage.upload('b', 'hello');
    expect(countOf('cos-keys')).toBe(2);
    expect(emulator.objects).toHaveLength(2);
  });

  it.each(['cos-keys', 'encode-metaid', 'put-object'] as const)(
    'repeats after a transient failure of %s',
    async operation => {
      const storage = await startDirect();
      emulator.faults.add({ operation, effect: { kind: 'status', status: 503 }, times: 2 });
      await expect(storage.upload('a', 'hello')).resolves.toMatchObject({ etag: HELLO_MD5 });
      expect(countOf(operation)).toBe(3);
    },
  );

  it('repeats an upload whose response was lost, and deletes nothing', async () => {
    const storage = await startDirect();
    emulator.faults.add({
      operation: 'put-object',
      effect: { kind: 'reset', at: 'answer' },
      times: 1,
    });
    await storage.upload('a', 'hello');
    expect(emulator.objects).toHaveLength(1);
    expect(onOrphan).not.toHaveBeenCalled();
  });

  it.each([
    [true, 0, 0],
    [false, 1, 1],
  ])(
    'cleans up after the last lost response; with a unique path: %p',
    async (uniquePath, left, reported) => {
      const storage = await startDirect();
      emulator.faults.add({
        operation: 'put-object',
        effect: { kind: 'reset', at: 'answer' },
        times: 3,
      });
      await expect(storage.upload('a', 'hello', { uniquePath })).rejects.toMatchObject({
        code: 'WX_CLOUD_CONNECTION_FAILED',
      });
      expect(countOf('put-object')).toBe(3);
      expect(emulator.objects).toHaveLength(left);
      expect(onOrphan).toHaveBeenCalledTimes(reported);
    },
  );

  it('does not take another ETag for a confirmation', async () => {
    const storage = await startDirect();
    emulator.faults.add({ operation: 'put-object', effect: { kind: 'wrong-etag' }, times: 3 });
    await expect(storage.upload('a', 'hello', { uniquePath: true })).rejects.toMatchObject({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
    });
    expect(emulator.objects).toEqual([]);
  });

  it('sends forms while the keys lack the right to upload', async () => {
    await emulator.close();
    await startEmulator({ cos: { denied: ['put-object'] } });
    const storage = await startDirect();
    await expect(storage.upload('a', 'hello')).resolves.toMatchObject({ etag: HELLO_MD5 });
    await expect(storage.upload('b', 'hello')).resolves.toMatchObject({ etag: HELLO_MD5 });
    expect([countOf('put-object'), countOf('post-object')]).toEqual([1, 2]);
    expect(emulator.objects.every(({ fileIdAlive }) => fileIdAlive)).toBe(true);
  });

  it('stores nothing without a signed file ID', async () => {
    const storage = await startDirect();
    emulator.faults.add({
      operation: 'encode-metaid',
      effect: {
        kind: 'status',
        status: 200,
        body: '{"errcode":0,"respdata":{"x_cos_meta_field_strs":[]}}',
      },
      times: 3,
    });
    await expect(storage.upload('a', 'hello')).rejects.toMatchObject({
      code: 'WX_CLOUD_RESPONSE_MALFORMED',
      endpoint: '/_/cos/metaid/encode',
    });
    expect(emulator.objects).toEqual([]);
  });

  it('ends when its caller aborts, and leaves nothing behind', async () => {
    const storage = await startDirect();
    emulator.faults.add({ operation: 'put-object', effect: { kind: 'hang', at: 'request' } });
    const controller = new AbortController();
    const onProgress = jest.fn(({ transferredBytes }: { readonly transferredBytes: number }) => {
      controller.abort(transferredBytes);
    });
    const { signal } = controller;
    await expect(
      storage.upload('a', randomBytes(1_000_000), { signal, onProgress }),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
    expect(emulator.objects).toEqual([]);
  });
});
