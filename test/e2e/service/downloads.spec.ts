import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Agent, type Dispatcher } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { WxCloudEmulatorFault } from '../../../lib/emulator/index.js';
import type {
  WxCloudDownloadOptions,
  WxCloudTransferProgress,
  WxCloudStorageService,
} from '../../../lib/index.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { withFakeTimeouts } from '../../support/fake-time.js';
import { FILE_ID } from '../../support/scripted-cloud.js';
import { startScriptedStorage } from '../../support/storage.js';
import { until } from '../../support/until.js';

const TENTH = 1_048_576;
const content = randomBytes(10 * TENTH);
const small = Buffer.from('0123456789');

let application: TestApplication;
let folder: string;
let fileId: string;
let smallId: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wx-cloud-downloads-'));
  application = await startApplication({ emulator: { downloadLinks: 'raw' } });
});
afterAll(async () => {
  await application.close();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  const { emulator, storage } = application;
  await emulator.reset();
  ({ fileId } = await storage.upload('large%20 \u5927.bin', content));
  ({ fileId: smallId } = await storage.upload('\u5c0f/small?#1.txt', small));
});

const read = async (options?: WxCloudDownloadOptions, id = fileId): Promise<Buffer> =>
  buffer((await application.storage.download(id, options)).body);
const fault = (effect: WxCloudEmulatorFault['effect'], more: Partial<WxCloudEmulatorFault> = {}) =>
  application.emulator.faults.add({ operation: 'get-object', effect, ...more });
const statuses = (): number[] =>
  application.emulator.journal
    .filter(({ operation }) => operation === 'get-object')
    .map(({ status }) => status);
const cutAfter = (afterBytes: number) => ({ kind: 'reset', at: 'answer', afterBytes }) as const;
/** Waits until the cloud sees the aborted download. */
const givenUp = () =>
  until(
    () =>
      application.emulator.journal.some(
        ({ operation, aborted }) => operation === 'get-object' && aborted === true,
      ),
    'an aborted response',
  );

/** A dispatcher that holds requests for some paths while it is closed. */
class Gate {
  readonly #agent = new Agent();
  readonly #paths: RegExp;
  readonly #waiting: (() => unknown)[] = [];
  #isShut = false;
  #onWaiting: () => void = () => {};
  /** Resolves when the first request is held. */
  readonly someoneWaits = new Promise<void>(resolve => (this.#onWaiting = resolve));

  constructor(paths: RegExp) {
    this.#paths = paths;
  }

  shut(): void {
    this.#isShut = true;
  }

  open(): void {
    this.#isShut = false;
    for (const send of this.#waiting.splice(0)) send();
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const send = (): boolean => this.#agent.dispatch(options, handler);
    if (!this.#isShut || !this.#paths.test(options.path)) return send();
    this.#waiting.push(send);
    this.#onWaiting();
    return true;
  }
}

describe('downloadStream over a broken connection', () => {
  it.each([0, 1, 5, 9])('resumes after %d tenths', async tenths => {
    fault(cutAfter(tenths * TENTH + 1));
    expect((await read()).equals(content)).toBe(true);
    expect(statuses()).toEqual([200, 206]);
  });

  it('resumes after every tenth and requests no byte twice', async () => {
    fault(cutAfter(TENTH), { times: 9 });
    let readBytes = 0;
    // The bytes between the end of one request and the start of the next.
    const ahead: number[] = [];
    const onHeaders = (message: unknown): void => {
      const { headers } = message as { headers: string };
      for (const [, from] of headers.matchAll(/range: bytes=(\d+)-/gi)) {
        ahead.push(Number(from) - readBytes);
      }
    };
    subscribe('undici:client:sendHeaders', onHeaders);
    for await (const chunk of (await application.storage.download(fileId)).body) {
      readBytes += (chunk as Buffer).byteLength;
    }
    unsubscribe('undici:client:sendHeaders', onHeaders);

    expect(readBytes).toBe(content.byteLength);
    expect(ahead).toHaveLength(9);
    expect(Math.min(...ahead)).toBeGreaterThanOrEqual(0);
    expect(statuses()).toEqual([200, ...Array.from({ length: 9 }, () => 206)]);
  });

  it('resumes through errors, expired links and refused connections', async () => {
    fault(cutAfter(TENTH));
    fault({ kind: 'status', status: 503 }, { after: 1 });
    fault(cutAfter(0), { after: 2 });
    fault(
      { kind: 'cos-error', cosCode: 'AccessDenied', message: 'Request has expired' },
      { after: 2 },
    );
    expect((await read()).equals(content)).toBe(true);
  });

  it('replaces a stalled connection', async () => {
    const impatient = await startApplication({ options: { timeouts: { idleMs: 700 } } });
    const stored = await impatient.storage.upload('small.txt', small);
    const effect = { kind: 'trickle', bytesPerSecond: 1 } as const;
    impatient.emulator.faults.add({ operation: 'get-object', effect });
    expect((await impatient.storage.downloadBuffer(stored.fileId)).equals(small)).toBe(true);
    await impatient.close();
  });

  it('resumes when the storage ignores ranges', async () => {
    fault(cutAfter(TENTH));
    fault({ kind: 'ignore-range' }, { after: 1 });
    expect((await read()).equals(content)).toBe(true);
    expect(statuses()).toEqual([200, 200]);
  });

  it('resumes within a range', async () => {
    fault(cutAfter(TENTH));
    const range = { start: 5, end: 3 * TENTH };
    expect((await read({ range })).equals(content.subarray(5, 3 * TENTH + 1))).toBe(true);
    expect(statuses()).toEqual([206, 206]);
  });

  it('fails without progress and never ends early', async () => {
    fault(cutAfter(100), { times: Infinity });
    const { body, size } = await application.storage.download(fileId);
    let seen = 0;
    body.on('data', (chunk: Buffer) => (seen += chunk.byteLength));
    await expect(
      new Promise((resolve, reject) => body.on('error', reject).on('end', resolve)),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED', retryable: true });
    expect(seen).toBeLessThan(size);
    expect(statuses()).toHaveLength(3);
  });

  it.each<[string, (storage: WxCloudStorageService, fileId: string) => Promise<unknown>, RegExp]>([
    ['replaced', storage => storage.upload('large.bin', randomBytes(10 * TENTH)), /replaced/],
    ['deleted', (storage, id) => storage.delete(id), /no file|gone/],
  ])('fails when the file was %s meanwhile', async (_, change, message) => {
    const gate = new Gate(/^\/tcb\/batchdownloadfile/);
    const gated = await startApplication({ options: { dispatcher: gate } });
    const { storage, emulator, close } = gated;
    const stored = await storage.upload('large.bin', content);
    emulator.faults.add({ operation: 'get-object', effect: cutAfter(TENTH) });
    const { body } = await storage.download(stored.fileId);
    // The rest is requested with another link, which arrives only after the change.
    gate.shut();
    const reading = buffer(body).catch((error: unknown) => error);
    await gate.someoneWaits;
    await change(storage, stored.fileId);
    gate.open();

    expect(await reading).toMatchObject({ message: expect.stringMatching(message) });
    await close();
  });

  it('does not resume with one attempt', async () => {
    const other = await startApplication({ options: { retry: { attempts: 1 } } });
    const stored = await other.storage.upload('a', content);
    other.emulator.faults.add({ operation: 'get-object', effect: cutAfter(TENTH) });
    await expect(other.storage.downloadBuffer(stored.fileId)).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
    await other.close();
  });

  it('does not resume an object that no header identifies', async () => {
    const half = { 'content-length': String(small.byteLength * 2) };
    const { cloud, storage } = await startScriptedStorage(
      { getObject: { headers: half, body: small.toString(), isUnfinished: true } },
      { timeouts: { idleMs: 100 } },
    );

    await expect(storage.downloadBuffer(FILE_ID)).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
      phase: 'idle',
    });
    expect(cloud.requests.filter(request => request === 'GET /get')).toHaveLength(1);
  });
});

describe('downloadStream', () => {
  it('returns size, type, ETag and time', async () => {
    const { body, ...rest } = await application.storage.download(smallId);
    body.destroy();
    expect(rest).toEqual({
      size: 10,
      totalSize: 10,
      start: 0,
      contentType: 'application/octet-stream',
      etag: '781e5e245d69b566979b86e28d23f2c7',
      lastModified: expect.any(Date),
    });
  });

  it('ends at once for an empty file', async () => {
    const { fileId: emptyId } = await application.storage.upload('empty', '');
    expect(await read({}, emptyId)).toHaveLength(0);
  });

  it('renews a link rejected as expired once, even with one attempt', async () => {
    const other = await startApplication({ options: { retry: { attempts: 1 } } });
    const stored = await other.storage.upload('a', small);
    const effect = {
      kind: 'cos-error',
      cosCode: 'AccessDenied',
      message: 'Request has expired',
    } as const;
    other.emulator.faults.add({ operation: 'get-object', effect });
    expect((await other.storage.downloadBuffer(stored.fileId)).equals(small)).toBe(true);
    other.emulator.faults.add({ operation: 'get-object', effect, times: 2 });
    await expect(other.storage.downloadBuffer(stored.fileId)).rejects.toMatchObject({
      code: 'WX_CLOUD_DOWNLOAD_FAILED',
      upstreamStatus: 403,
    });
    await other.close();
  });

  it('releases its connection when the reader leaves', async () => {
    const { body } = await application.storage.download(fileId);
    for await (const chunk of body) {
      expect(chunk).toBeDefined();
      break;
    }
    await givenUp();
  });

  it('does not read ahead of a slow reader', async () => {
    const { body } = await application.storage.download(fileId);
    await body.iterator({ destroyOnReturn: false }).next();
    await new Promise(resolve => setTimeout(resolve, 100));
    expect(body.readableLength).toBeLessThan(1_000_000);
    body.destroy();
  });

  it('fails when its signal is aborted in the middle of the file', async () => {
    fault({ kind: 'trickle', bytesPerSecond: 100_000 });
    const controller = new AbortController();
    const { body } = await application.storage.download(fileId, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await expect(buffer(body)).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
    await givenUp();
  });

  it('causes no uncaught error at its timeout without a reader', async () => {
    await withFakeTimeouts(async pass => {
      const { body } = await application.storage.download(fileId, { timeoutMs: 60_000 });
      pass(60_000);
      expect(body.destroyed).toBe(true);
      await expect(buffer(body)).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_TIMED_OUT' });
    });
    await givenUp();
  });

  it('fails at its timeout in the middle of the file', async () => {
    fault({ kind: 'trickle', bytesPerSecond: 100_000 });
    await withFakeTimeouts(async pass => {
      const { body } = await application.storage.download(fileId, { timeoutMs: 60_000 });
      const reading = buffer(body).catch((error: unknown) => error);
      pass(60_000);
      expect(await reading).toMatchObject({ code: 'WX_CLOUD_REQUEST_TIMED_OUT' });
    });
    await givenUp();
  });
});

describe('the option range', () => {
  it.each<[NonNullable<WxCloudDownloadOptions['range']>, string, number]>([
    [{ start: 0 }, '0123456789', 200],
    [{}, '0123456789', 200],
    [{ start: 3 }, '3456789', 206],
    [{ end: 3 }, '0123', 206],
    [{ start: 3, end: 3 }, '3', 206],
    [{ start: 3, end: 5 }, '345', 206],
    [{ start: 9, end: 100 }, '9', 206],
  ])('for %j returns %s', async (range, expected, status) => {
    const { body, size, start, totalSize } = await application.storage.download(smallId, { range });
    expect((await buffer(body)).toString()).toBe(expected);
    expect([size, totalSize]).toEqual([expected.length, 10]);
    expect(small.subarray(start, start + size).toString()).toBe(expected);
    expect(statuses()).toEqual([status]);
  });

  it('is applied when the storage returns the whole file', async () => {
    fault({ kind: 'ignore-range' });
    expect((await read({ range: { start: 3, end: 5 } }, smallId)).toString()).toBe('345');
    fault({ kind: 'ignore-range' });
    const range = { start: TENTH + 3, end: 2 * TENTH };
    expect((await read({ range })).equals(content.subarray(range.start, range.end + 1))).toBe(true);
    await givenUp();
  });

  it.each([[{ start: 10 }], [{ start: 11, end: 12 }]])(
    'rejects %j outside the file',
    async range => {
      await expect(read({ range }, smallId)).rejects.toMatchObject({
        code: 'WX_CLOUD_RANGE_UNSATISFIABLE',
        retryable: false,
      });
      fault({ kind: 'ignore-range' });
      await expect(read({ range }, smallId)).rejects.toMatchObject({
        code: 'WX_CLOUD_RANGE_UNSATISFIABLE',
      });
    },
  );

  it.each([{ start: -1 }, { start: 1.5 }, { start: 3, end: 2 }, { end: Number.NaN }])(
    'rejects the invalid %j before any call',
    async range => {
      const calls = application.emulator.journal.length;
      await expect(read({ range })).rejects.toMatchObject({ code: 'WX_CLOUD_ARGUMENT_INVALID' });
      expect(application.emulator.journal).toHaveLength(calls);
    },
  );
});

describe('the option verifyEtag', () => {
  it('compares the ETag', async () => {
    expect((await read({ verifyEtag: true })).equals(content)).toBe(true);
    fault({ kind: 'wrong-etag' });
    await expect(read({ verifyEtag: true })).rejects.toMatchObject({
      code: 'WX_CLOUD_DOWNLOAD_FAILED',
      message: expect.stringContaining('does not match its ETag'),
    });
    fault({ kind: 'wrong-etag' });
    expect((await read()).equals(content)).toBe(true);
  });

  it('compares it over all connections of a download', async () => {
    fault(cutAfter(TENTH));
    expect((await read({ verifyEtag: true })).equals(content)).toBe(true);
  });

  it('rejects an ETag that is not an MD5 hash', async () => {
    const headers = { 'content-length': '4', etag: '"0123456789abcdef0123456789abcdef-2"' };
    const { storage } = await startScriptedStorage({ getObject: { headers, body: 'some' } });
    await expect(storage.download(FILE_ID, { verifyEtag: true })).rejects.toMatchObject({
      code: 'WX_CLOUD_DOWNLOAD_FAILED',
      message: expect.stringContaining('Leave verifyEtag out'),
    });
    expect(String(await storage.downloadBuffer(FILE_ID))).toBe('some');
  });

  it('cannot be used with a range', async () => {
    await expect(read({ verifyEtag: true, range: { start: 1 } })).rejects.toMatchObject({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
    });
  });
});

describe('downloadBuffer', () => {
  it('rejects more than maxBytes before it reads', async () => {
    await expect(
      application.storage.downloadBuffer(fileId, { maxBytes: content.byteLength - 1 }),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_FILE_TOO_LARGE' });
    await givenUp();
    const sent = application.emulator.journal.at(-1)?.responseBytes;
    expect(sent).toBeLessThan(content.byteLength / 2);
  });

  it.each([-1, 0.5, Number.NaN])('rejects a maxBytes of %d before any call', async maxBytes => {
    const calls = application.emulator.journal.length;
    await expect(application.storage.downloadBuffer(fileId, { maxBytes })).rejects.toMatchObject({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
    });
    expect(application.emulator.journal).toHaveLength(calls);
  });

  it('accepts a range below maxBytes', async () => {
    const part = await application.storage.downloadBuffer(fileId, {
      maxBytes: 3,
      range: { start: 0, end: 2 },
    });
    expect(part.equals(content.subarray(0, 3))).toBe(true);
  });
});

describe('downloadToFile', () => {
  const target = () => join(folder, 'target.bin');

  it('writes the complete, verified file over a broken connection', async () => {
    fault(cutAfter(TENTH));
    await application.storage.downloadToFile(fileId, target(), { verifyEtag: true });
    expect((await readFile(target())).equals(content)).toBe(true);
    expect(await readdir(folder)).toEqual(['target.bin']);
  });

  it('keeps the earlier file and nothing else on failure', async () => {
    await writeFile(target(), 'before');
    fault({ kind: 'wrong-etag' });
    await expect(
      application.storage.downloadToFile(fileId, target(), { verifyEtag: true }),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_DOWNLOAD_FAILED' });
    expect(await readFile(target(), 'utf8')).toBe('before');
    expect(await readdir(folder)).toEqual(['target.bin']);
  });

  it('rejects a missing folder with the error of the file system as the cause', async () => {
    const path = join(folder, 'missing', 'target.bin');
    await expect(application.storage.downloadToFile(smallId, path)).rejects.toMatchObject({
      code: 'WX_CLOUD_SPOOL_FAILED',
      cause: { code: 'ENOENT' },
    });
  });
});

describe('onProgress of a download', () => {
  it('reports from the first chunk to the last, never backwards', async () => {
    const seen: WxCloudTransferProgress[] = [];
    fault(cutAfter(TENTH));
    await read({ onProgress: progress => seen.push(progress) });
    const bytes = seen.map(({ transferredBytes }) => transferredBytes);
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toEqual({ transferredBytes: 10 * TENTH, totalBytes: 10 * TENTH });
    expect(seen.length).toBeGreaterThan(20);
  });

  it('counts the bytes of a range', async () => {
    const onProgress = jest.fn();
    await read({ range: { start: 4, end: 5 }, onProgress }, smallId);
    expect(onProgress.mock.calls).toEqual([[{ transferredBytes: 2, totalBytes: 2 }]]);
  });

  it('may throw without an effect', async () => {
    const onProgress = (): never => {
      throw new Error('a bug in the progress bar');
    };
    expect((await read({ onProgress })).equals(content)).toBe(true);
  });
});
