import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { lastValueFrom, take, toArray } from 'rxjs';
import type { WxCloudTransferProgress } from '../../../lib/index.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { until } from '../../support/until.js';

const content = randomBytes(2_000_000);
let application: TestApplication;
beforeAll(async () => {
  application = await startApplication();
});
afterAll(() => application.close());
beforeEach(() => application.emulator.reset());

const SOURCES = [
  ['a Buffer', () => content, undefined],
  ['a small Buffer', () => content.subarray(0, 1_000), undefined],
  ['an empty text', () => '', undefined],
  ['a Blob', () => new Blob([new Uint8Array(content)]), undefined],
  ['a stream of unknown length', () => Readable.from([content]), undefined],
  ['a stream of known length', () => Readable.from([content]), content.byteLength],
] as const;

describe('onProgress of an upload', () => {
  it.each(SOURCES)('reports %s from zero to its size', async (_, make, size) => {
    const seen: WxCloudTransferProgress[] = [];
    const stored = await application.storage.upload('a', make(), {
      size,
      onProgress: progress => seen.push(progress),
    });
    const bytes = seen.map(({ transferredBytes }) => transferredBytes);
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
    expect([bytes[0], bytes.at(-1)]).toEqual([0, stored.size]);
    expect(new Set(seen.map(({ totalBytes }) => totalBytes))).toEqual(new Set([stored.size]));
  });

  it('reports the full size only once the storage has confirmed it', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'cos-error', cosCode: 'AccessDenied' },
      times: Infinity,
    });
    const seen: number[] = [];
    const upload = application.storage.upload('a', content, {
      onProgress: ({ transferredBytes }) => seen.push(transferredBytes),
    });
    await expect(upload).rejects.toThrow('AccessDenied');
    expect(Math.max(...seen)).toBeLessThan(content.byteLength);
  });

  it('starts from zero with every try', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'cos-error', cosCode: 'SlowDown' },
    });
    const seen: number[] = [];
    await application.storage.upload('a', content, {
      onProgress: ({ transferredBytes }) => seen.push(transferredBytes),
    });
    expect(seen.filter(bytes => bytes === 0)).toHaveLength(2);
  });

  it('may throw without an effect', async () => {
    const onProgress = (): never => {
      throw new Error('a bug');
    };
    await expect(application.storage.upload('a', content, { onProgress })).resolves.toMatchObject({
      size: content.byteLength,
    });
  });
});

describe('watchUpload', () => {
  it('emits progress, then the stored file', async () => {
    const events = await lastValueFrom(
      application.storage.watchUpload('a', content).pipe(toArray()),
    );
    expect(events[0]).toEqual({
      type: 'progress',
      transferredBytes: 0,
      totalBytes: content.byteLength,
    });
    expect(events.at(-1)).toMatchObject({ type: 'stored', file: { size: content.byteLength } });
    expect(events.length).toBeGreaterThan(5);
  });

  it('uploads once per subscription, and not before', async () => {
    const upload = application.storage.watchUpload('a', 'x');
    expect(application.emulator.journal).toEqual([]);
    await lastValueFrom(upload);
    await lastValueFrom(upload);
    const posts = application.emulator.journal.filter(
      ({ operation }) => operation === 'post-object',
    );
    expect(posts).toHaveLength(2);
  });

  it('aborts the upload when the last subscriber leaves, and leaves nothing', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'delay', delayMs: 200 },
    });
    await lastValueFrom(application.storage.watchUpload('a', content).pipe(take(2)));
    const isPosted = () =>
      application.emulator.journal.some(({ operation }) => operation === 'post-object');
    await until(isPosted, 'the end of the upload');
    await until(() => application.emulator.objects.length === 0, 'an empty storage');
    expect(application.emulator.objects).toEqual([]);
  });

  it('fails with the error of the upload, even by its signal', async () => {
    await expect(lastValueFrom(application.storage.watchUpload('/a', 'x'))).rejects.toMatchObject({
      code: 'WX_CLOUD_PATH_INVALID',
    });
    const signal = AbortSignal.abort();
    await expect(
      lastValueFrom(application.storage.watchUpload('a', 'x', { signal })),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
  });
});
