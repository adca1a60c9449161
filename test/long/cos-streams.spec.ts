import { createHash, randomBytes } from 'node:crypto';
import { readdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  startWxCloudEmulator,
  type WxCloudEmulator,
  type WxCloudEmulatorOptions,
} from '../../lib/emulator/index.js';
import { Logger } from '@nestjs/common';
import type { WxCloudStorageOptions } from '../../lib/index.js';
import { afterThisTest } from '../support/after-test.js';
import { startStorage } from '../support/storage.js';
import { until } from '../support/until.js';

const MIB = 1_048_576;
/** Everything but `Date`. */
const TIMERS = [
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
  'setTimeout',
  'clearTimeout',
] as const;
const PART = { partBytes: MIB };
const LARGE = randomBytes(3 * MIB + 5);

let emulator: WxCloudEmulator;
let folder: string;
const onOrphan = jest.fn<(fileIds: readonly string[]) => void>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wx-cloud-streams-'));
  emulator = await startWxCloudEmulator();
});
afterEach(async () => {
  onOrphan.mockClear();
  await emulator.close();
  await rm(folder, { recursive: true });
});

/** Starts the emulator again, with other options. */
async function restart(options: WxCloudEmulatorOptions): Promise<void> {
  await emulator.close();
  emulator = await startWxCloudEmulator(options);
}

/** A service in a container, whose bodies of unknown length are cut into parts of 1 MiB. */
async function startDirect(options: Partial<WxCloudStorageOptions> = {}) {
  const { storage, close } = await startStorage({
    env: emulator.env,
    auth: { type: 'open-api-service' },
    apiBaseUrl: emulator.sidecarUrl,
    cos: { bucket: emulator.bucket, endpoint: emulator.cosEndpoint, ...PART },
    upload: { spoolDirectory: folder },
    onOrphan,
    ...options,
  } as Partial<WxCloudStorageOptions>);
  return { storage, close };
}

/** Runs work with a clock that is a minute behind, for everything in this process. */
async function aMinuteAgo<T>(work: () => Promise<T>): Promise<T> {
  jest.useFakeTimers({ now: Date.now() - 60_000, doNotFake: [...TIMERS] });
  try {
    return await work();
  } finally {
    jest.useRealTimers();
  }
}

function inChunks(bytes: Buffer, size = 65_536): Readable {
  const count = Math.ceil(bytes.byteLength / size);
  return Readable.from(
    Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size)),
  );
}

function md5Of(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}

async function storedMd5(): Promise<string> {
  return md5Of(await emulator.readObject('a'));
}

function operations(): readonly string[] {
  return emulator.journal.map(({ operation }) => operation);
}

function countOf(operation: string): number {
  return operations().filter(name => name === operation).length;
}

/** The multipart uploads that were neither completed nor aborted. */
function unfinished(): number {
  return (
    countOf('initiate-multipart-upload') -
    countOf('complete-multipart-upload') -
    countOf('abort-multipart-upload')
  );
}

describe('upload of a stream of unknown length, with the option cos', () => {
  it('sends what fits into one part as a whole, with its length', async () => {
    const { storage } = await startDirect();
    const bytes = randomBytes(MIB);
    const stored = await storage.upload('a', inChunks(bytes));
    expect(stored).toMatchObject({
      size: MIB,
      etag: md5Of(bytes),
    });
    expect(operations()).not.toContain('initiate-multipart-upload');
    await expect(storedMd5()).resolves.toBe(md5Of(bytes));
  });

  it.each([
    ['nothing', 0],
    ['one byte', 1],
    ['a part and a byte', MIB + 1],
    ['several parts and a rest', 3 * MIB + 5],
    ['whole parts', 3 * MIB],
  ])('stores %s', async (_, size) => {
    const { storage } = await startDirect();
    const bytes = LARGE.subarray(0, size);
    await expect(storage.upload('a', inChunks(bytes))).resolves.toMatchObject({ size });
    await expect(storedMd5()).resolves.toBe(md5Of(bytes));
    expect(emulator.objects).toMatchObject([{ fileIdAlive: true }]);
    await expect(readdir(folder)).resolves.toEqual([]);
  });

  it('sends parts while the stream still goes on', async () => {
    const { storage } = await startDirect();
    const source = new PassThrough();
    const upload = storage.upload('a', source);
    source.write(LARGE.subarray(0, MIB + 70_000));
    await until(() => countOf('upload-part') === 1);
    source.end(LARGE.subarray(MIB + 70_000));
    await expect(upload).resolves.toMatchObject({ size: LARGE.byteLength });
    await expect(storedMd5()).resolves.toBe(md5Of(LARGE));
  });

  it('copies the chunks of a source that reuses its buffer', async () => {
    const { storage } = await startDirect();
    const source = async function* () {
      const buffer = Buffer.alloc(100_000);
      for (let start = 0; start < LARGE.byteLength; start += buffer.byteLength) {
        const chunk = LARGE.subarray(start, start + buffer.byteLength);
        buffer.set(chunk);
        yield buffer.subarray(0, chunk.byteLength);
      }
    };
    await storage.upload('a', source());
    await expect(storedMd5()).resolves.toBe(md5Of(LARGE));
  });

  it('reports confirmed parts', async () => {
    const { storage } = await startDirect();
    const seen: number[] = [];
    const onProgress = ({ transferredBytes }: { readonly transferredBytes: number }): void => {
      seen.push(transferredBytes);
    };
    await storage.upload('a', inChunks(LARGE), { onProgress });
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(LARGE.byteLength);
    expect(seen).toEqual(seen.toSorted((left, right) => left - right));
  });

  it.each(['initiate-multipart-upload', 'upload-part', 'complete-multipart-upload'] as const)(
    'repeats a transient failure of %s',
    async operation => {
      const { storage } = await startDirect();
      emulator.faults.add({ operation, effect: { kind: 'status', status: 503 }, times: 2 });
      await storage.upload('a', inChunks(LARGE));
      await expect(storedMd5()).resolves.toBe(md5Of(LARGE));
    },
  );

  it('repeats a part that COS has stored otherwise', async () => {
    const { storage } = await startDirect();
    emulator.faults.add({ operation: 'upload-part', effect: { kind: 'wrong-etag' }, times: 1 });
    await storage.upload('a', inChunks(LARGE));
    expect(countOf('upload-part')).toBe(5);
    await expect(storedMd5()).resolves.toBe(md5Of(LARGE));
  });

  it('aborts the upload when parts keep failing', async () => {
    const { storage } = await startDirect();
    emulator.faults.add({
      operation: 'upload-part',
      effect: { kind: 'status', status: 503 },
      times: 20,
    });
    await expect(storage.upload('a', inChunks(LARGE))).rejects.toMatchObject({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
    });
    expect(countOf('abort-multipart-upload')).toBe(1);
    expect(emulator.objects).toEqual([]);
    expect(onOrphan).not.toHaveBeenCalled();
  });

  it.each([
    ['stores', 1, 'fulfilled', 1],
    ['fails', 20, 'rejected', 2],
  ])('aborts what began unanswered at its own path, and %s', async (_, times, status, aborts) => {
    const { storage } = await startDirect({ retry: { attempts: 2, minDelayMs: 0, maxDelayMs: 0 } });
    emulator.faults.add({
      operation: 'initiate-multipart-upload',
      effect: { kind: 'reset', at: 'answer' },
      times,
    });
    const [result] = await Promise.allSettled([
      storage.upload('own', inChunks(LARGE), { uniquePath: true }),
    ]);
    expect(result.status).toBe(status);
    expect(countOf('abort-multipart-upload')).toBe(aborts);
    expect(await storage.sweepUnfinishedUploads({ olderThanSeconds: 0 })).toBe(0);
  });

  it('leaves uploads at a path of others to a sweep, and warns of them', async () => {
    const { storage } = await startDirect();
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    afterThisTest(() => warn.mockRestore());
    emulator.faults.add({
      operation: 'initiate-multipart-upload',
      effect: { kind: 'reset', at: 'answer' },
    });
    await storage.upload('shared', inChunks(LARGE));
    expect(countOf('abort-multipart-upload')).toBe(0);
    expect(warn.mock.calls).toEqual([[expect.stringContaining('"shared" may remain')]]);
    expect(await storage.sweepUnfinishedUploads({ olderThanSeconds: 0 })).toBe(1);
  });

  it('warns of nothing where COS has refused to begin', async () => {
    const { storage } = await startDirect();
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    afterThisTest(() => warn.mockRestore());
    emulator.faults.add({
      operation: 'initiate-multipart-upload',
      effect: { kind: 'cos-error', cosCode: 'SlowDown' },
    });
    await storage.upload('shared', inChunks(LARGE));
    expect(warn).not.toHaveBeenCalled();
    expect(countOf('list-multipart-uploads')).toBe(0);
  });

  it.each([
    ['in the first part', 500_000],
    ['in a later part', 2 * MIB + 500_000],
    ['behind its last byte', LARGE.byteLength],
  ])('stores nothing of a source that fails %s', async (_, size) => {
    const { storage } = await startDirect();
    const source = async function* () {
      yield* inChunks(LARGE.subarray(0, size));
      throw new Error('gone');
    };
    await expect(storage.upload('a', source())).rejects.toMatchObject({
      code: 'WX_CLOUD_BODY_FAILED',
    });
    expect(emulator.objects).toEqual([]);
    expect(unfinished()).toBe(0);
    expect(operations()).not.toContain('complete-multipart-upload');
  });

  it('aborts the upload when its caller does', async () => {
    const { storage } = await startDirect();
    const controller = new AbortController();
    const source = new PassThrough();
    const upload = storage.upload('a', source, { signal: controller.signal });
    source.write(LARGE.subarray(0, 2 * MIB));
    await Promise.all([
      expect(upload).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' }),
      until(() => countOf('upload-part') === 1).then(() => controller.abort()),
    ]);
    expect(source.destroyed).toBe(true);
    expect(unfinished()).toBe(0);
    expect(emulator.objects).toEqual([]);
  });

  it('aborts an upload whose ID comes after its caller has gone', async () => {
    const { storage } = await startDirect();
    emulator.faults.add({
      operation: 'initiate-multipart-upload',
      effect: { kind: 'delay', delayMs: 300 },
    });
    const controller = new AbortController();
    const source = new PassThrough();
    const upload = storage.upload('a', source, { signal: controller.signal });
    source.write(LARGE.subarray(0, 2 * MIB));
    await Promise.all([
      expect(upload).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' }),
      until(() => source.readableLength === 0).then(() =>
        setTimeout(() => controller.abort(), 100),
      ),
    ]);
    expect(countOf('initiate-multipart-upload')).toBe(1);
    expect(unfinished()).toBe(0);
  });

  it('aborts the upload when the application shuts down', async () => {
    const { storage, close } = await startDirect({ timeouts: { totalMs: 2_000 } });
    const source = new PassThrough();
    const upload = storage.upload('a', source);
    source.write(LARGE.subarray(0, 2 * MIB));
    await Promise.all([
      expect(upload).rejects.toMatchObject({ name: expect.stringMatching(/Error$/) }),
      until(() => countOf('upload-part') === 1).then(close),
    ]);
    expect(unfinished()).toBe(0);
    expect(emulator.objects).toEqual([]);
  });

  it('finds an object whose completion was confirmed too late, by its headers', async () => {
    const { storage } = await startDirect();
    emulator.faults.add({
      operation: 'complete-multipart-upload',
      effect: { kind: 'reset', at: 'answer' },
      times: 9,
    });
    await expect(storage.upload('a', inChunks(LARGE))).resolves.toMatchObject({
      size: LARGE.byteLength,
    });
    expect(countOf('complete-multipart-upload')).toBe(1);
    expect(countOf('head-object')).toBe(1);
    await expect(storedMd5()).resolves.toBe(md5Of(LARGE));
    expect(countOf('abort-multipart-upload')).toBe(0);
  });

  it('completes again after a 200 that has an error', async () => {
    const { storage } = await startDirect();
    emulator.faults.add({
      operation: 'complete-multipart-upload',
      effect: { kind: 'cos-error', cosCode: 'InternalError', status: 200 },
      times: 1,
    });
    await storage.upload('a', inChunks(LARGE));
    expect(countOf('complete-multipart-upload')).toBe(2);
    await expect(storedMd5()).resolves.toBe(md5Of(LARGE));
  });

  it('gives up after several of them, and leaves nothing behind', async () => {
    const { storage } = await startDirect();
    emulator.faults.add({
      operation: 'complete-multipart-upload',
      effect: { kind: 'cos-error', cosCode: 'InternalError', status: 200 },
      times: 9,
    });
    await expect(storage.upload('a', inChunks(LARGE), { uniquePath: true })).rejects.toMatchObject({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
      cosCode: 'InternalError',
    });
    expect(countOf('abort-multipart-upload')).toBe(1);
    expect(emulator.objects).toEqual([]);
  });

  it('ends although the upload cannot be aborted, after a few attempts', async () => {
    const { storage } = await startDirect();
    emulator.faults.add({
      operation: 'upload-part',
      effect: { kind: 'status', status: 400 },
      times: 9,
    });
    emulator.faults.add({
      operation: 'abort-multipart-upload',
      effect: { kind: 'reset', at: 'request' },
      times: 9,
    });
    await expect(storage.upload('a', inChunks(LARGE))).rejects.toMatchObject({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
    });
    expect(countOf('abort-multipart-upload')).toBe(3);
  });

  it('does not take an older object of the same size for its own', async () => {
    const { storage } = await startDirect();
    await aMinuteAgo(() => storage.upload('a', inChunks(Buffer.alloc(LARGE.byteLength))));
    emulator.faults.add({
      operation: 'complete-multipart-upload',
      effect: { kind: 'reset', at: 'request' },
      times: 9,
    });
    await expect(storage.upload('a', inChunks(LARGE))).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
    expect(countOf('abort-multipart-upload')).toBe(1);
    expect(onOrphan).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['initiate-multipart-upload', 0],
    ['upload-part', 1],
  ] as const)('sends the whole where the keys lack the right to %s', async (denied, aborted) => {
    await restart({ cos: { denied: [denied] } });
    const { storage } = await startDirect();
    await expect(storage.upload('a', inChunks(LARGE))).resolves.toMatchObject({
      size: LARGE.byteLength,
    });
    await expect(storedMd5()).resolves.toBe(md5Of(LARGE));
    expect(countOf('abort-multipart-upload')).toBe(aborted);
    await storage.upload('b', inChunks(LARGE));
    expect(countOf('initiate-multipart-upload')).toBe(1);
    expect(countOf('put-object')).toBe(2);
    await expect(readdir(folder)).resolves.toEqual([]);
  });

  it('keeps the memory of many uploads within the budget', async () => {
    const { storage } = await startDirect({
      upload: { spoolDirectory: folder, memoryBudgetBytes: 8 * MIB },
    });
    const paths = Array.from({ length: 8 }, (_, index) => `${index}`);
    await Promise.all(paths.map(path => storage.upload(path, inChunks(LARGE))));
    expect(emulator.objects.map(({ size }) => size)).toEqual(paths.map(() => LARGE.byteLength));
    await expect(readdir(folder)).resolves.toEqual([]);
  });
});
