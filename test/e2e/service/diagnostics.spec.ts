import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startApplication, type TestApplication } from '../../support/application.js';
import { TraceRecorder } from '../../support/traces.js';
import { until } from '../../support/until.js';
import { BUCKET, PART_BYTES } from '../../support/ways.js';

const durationMs = expect.any(Number);
const SUCCESS = ['start', 'end', 'asyncStart', 'asyncEnd'];
const FAILURE = ['start', 'end', 'error', 'asyncStart', 'asyncEnd'];

let application: TestApplication;
let traces: TraceRecorder;

afterEach(async () => {
  traces.stop();
  await application.close();
});

const paths = (): readonly string[] => traces.operations.map(each => traces.pathOf(each));

describe('the diagnostics channels', () => {
  beforeEach(async () => {
    application = await startApplication();
    traces = new TraceRecorder();
  });

  it('publish an upload with its token and requests', async () => {
    const { storage, emulator } = application;
    const { env } = emulator;
    await storage.upload('a/b.bin', Buffer.alloc(1_000));

    expect(traces.eventsOf('upload')).toEqual([{ env, size: 1_000, tries: 1, durationMs }]);
    expect(traces.eventsOf('token')).toEqual([
      { env, type: 'stable-token', expiresInSeconds: 7_200, durationMs },
    ]);
    expect(traces.eventsOf('request')).toEqual([
      { endpoint: '/cgi-bin/stable_token', method: 'POST', status: 200, durationMs },
      { endpoint: '/tcb/uploadfile', method: 'POST', status: 200, durationMs },
      { endpoint: 'POST object', method: 'POST', status: 204, durationMs },
    ]);
    expect(paths()).toEqual([
      'upload',
      'upload > token',
      'upload > token > /cgi-bin/stable_token',
      'upload > /tcb/uploadfile',
      'upload > POST object',
    ]);
    expect(traces.operations.map(({ stages }) => stages)).toEqual(
      traces.operations.map(() => SUCCESS),
    );
  });

  it('publish failures with their codes only', async () => {
    const { storage, emulator } = application;
    emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'cos-error', cosCode: 'SlowDown' },
      times: Infinity,
    });
    emulator.faults.add({ operation: 'stable-token', effect: { kind: 'reset', at: 'request' } });
    await expect(storage.upload('a/b.bin', 'x')).rejects.toMatchObject({ retryable: true });

    const { env } = emulator;
    expect(traces.of('upload')).toMatchObject([{ stages: FAILURE }]);
    expect(traces.eventsOf('upload')).toEqual([
      { env, size: 1, tries: 3, code: 'WX_CLOUD_UPLOAD_REJECTED', durationMs },
    ]);
    expect(traces.eventsOf('request')[0]).toEqual({
      endpoint: '/cgi-bin/stable_token',
      method: 'POST',
      code: 'WX_CLOUD_CONNECTION_FAILED',
      durationMs,
    });
  });

  it('publish a failed token fetch', async () => {
    application.emulator.misconfigure('wrong-secret');
    await expect(application.storage.upload('a', 'b')).rejects.toMatchObject({ errcode: 40125 });
    expect(traces.of('token')).toMatchObject([
      { event: { type: 'stable-token', code: 'WX_CLOUD_CREDENTIAL_REFUSED' }, stages: FAILURE },
    ]);
  });

  it('publish an upload whose content fails', async () => {
    const broken = Readable.from(
      (async function* () {
        yield Buffer.alloc(10_000);
        throw new Error('https://user:password@example.com');
      })(),
    );
    const code = 'WX_CLOUD_BODY_FAILED';
    await expect(application.storage.upload('a', broken)).rejects.toMatchObject({ code });
    expect(traces.eventsOf('upload')).toMatchObject([{ size: 0, tries: 0, code }]);
  });

  it('publish an upload whose content fails at its beginning', async () => {
    const code = 'WX_CLOUD_BODY_FAILED';
    const absent = application.storage.uploadFile('/no/such/file', 'a');
    await expect(absent).rejects.toMatchObject({ code });
    expect(traces.of('upload')).toMatchObject([
      { event: { size: 0, tries: 0, code }, stages: FAILURE },
    ]);
  });

  it('publish a download until its stream has ended', async () => {
    const { storage, emulator } = application;
    const { fileId } = await storage.upload('a.txt', 'hello');
    traces.operations.length = 0;
    const { body } = await storage.download(fileId, { range: { start: 1 } });
    const [download] = traces.of('download');
    expect(download?.stages).toEqual(['start', 'end']);
    await expect(text(body)).resolves.toBe('ello');
    // The stream is closed after its end.
    await until(() => download?.stages.includes('asyncEnd') === true);
    expect(download?.stages).toEqual(SUCCESS);
    expect(download?.event).toEqual({ env: emulator.env, size: 4, durationMs });
    expect(paths()).toEqual([
      'download',
      'download > /tcb/batchdownloadfile',
      'download > GET object',
    ]);
  });

  it('publish a download that is resumed, and one that fails', async () => {
    const { storage, emulator } = application;
    const { fileId } = await storage.upload('a.bin', Buffer.alloc(300_000));
    const cut = { kind: 'reset', at: 'answer', afterBytes: 150_000 } as const;
    emulator.faults.add({ operation: 'get-object', effect: cut });
    traces.operations.length = 0;
    await storage.downloadBuffer(fileId);
    expect(paths().slice(2)).toEqual([
      'download > GET object',
      'download > /tcb/batchdownloadfile',
      'download > GET object',
    ]);

    const status = { kind: 'status', status: 404 } as const;
    emulator.faults.add({ operation: 'get-object', effect: status, times: Infinity });
    await expect(storage.downloadBuffer(fileId)).rejects.toMatchObject({ upstreamStatus: 404 });
    expect(traces.of('download')).toMatchObject([
      { stages: SUCCESS },
      { stages: FAILURE, event: { code: 'WX_CLOUD_FILE_NOT_FOUND' } },
    ]);
  });

  it('publish downloads that this package gives up as failed', async () => {
    const { storage } = application;
    const { fileId } = await storage.upload('a.bin', Buffer.alloc(300_000));
    const tooLarge = { code: 'WX_CLOUD_FILE_TOO_LARGE' };
    const unwritable = { code: 'WX_CLOUD_SPOOL_FAILED' };
    await expect(storage.downloadBuffer(fileId, { maxBytes: 9 })).rejects.toMatchObject(tooLarge);
    await expect(storage.downloadToFile(fileId, '/no/such/file')).rejects.toMatchObject(unwritable);
    await until(() => traces.of('download').every(({ stages }) => stages.includes('asyncEnd')));
    expect(traces.of('download')).toMatchObject([
      { event: tooLarge, stages: FAILURE },
      { event: unwritable, stages: FAILURE },
    ]);
  });

  it('publish links, deletions and forms', async () => {
    const { storage, emulator } = application;
    const { env } = emulator;
    const { fileId } = await storage.upload('a.txt', 'hello');
    traces.operations.length = 0;
    await storage.getDownloadUrls([fileId, `${fileId}-absent`]);
    await storage.getDownloadUrl(fileId);
    await storage.deleteMany([fileId, 'nonsense']);
    await storage.createUploadForm('b.txt');
    expect(traces.eventsOf('links')).toEqual([
      { env, files: 2, failed: 1, durationMs },
      { env, files: 1, failed: 0, durationMs },
    ]);
    expect(traces.eventsOf('delete')).toEqual([{ env, files: 2, failed: 1, durationMs }]);
    expect(traces.eventsOf('form')).toEqual([{ env, durationMs }]);
    expect(paths()).toEqual([
      'links',
      'links > /tcb/batchdownloadfile',
      'links',
      'delete',
      'delete > /tcb/batchdeletefile',
      'form',
      'form > /tcb/uploadfile',
    ]);
  });

  it('link a batch to all of its callers', async () => {
    const { storage } = application;
    const { fileId: one } = await storage.upload('1', '1');
    const { fileId: other } = await storage.upload('2', '2');
    traces.operations.length = 0;
    await Promise.all([one, other, other].map(fileId => storage.getDownloadUrl(fileId)));
    expect(paths()).toEqual(['links', 'links', 'links', 'links > /tcb/batchdownloadfile']);
    const [request] = traces.of('request');
    const callers = request?.event['callers'] as readonly object[];
    expect(request?.parent).toBe(traces.operations[0]);
    expect(callers.map(each => traces.eventsOf('links').indexOf(each))).toEqual([0, 1, 2]);
  });

  it('link a token to no callers of the batch that needed it', async () => {
    const { storage, emulator } = application;
    const files = await Promise.all(['1', '2'].map(path => storage.upload(path, path)));
    emulator.expireTokens();
    traces.operations.length = 0;
    await Promise.all(files.map(({ fileId }) => storage.getDownloadUrl(fileId)));
    const requests = traces.eventsOf('request') as { endpoint: string; callers?: object[] }[];
    expect(requests.map(({ endpoint, callers }) => [endpoint, callers?.length])).toEqual([
      ['/tcb/batchdownloadfile', 2],
      ['/cgi-bin/stable_token', undefined],
      ['/tcb/batchdownloadfile', 2],
    ]);
  });

  it('publish each deletion of a failed upload within it', async () => {
    const { storage, emulator } = application;
    emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'reset', at: 'answer' },
      times: Infinity,
    });
    await expect(storage.upload('a', 'b', { uniquePath: true })).rejects.toMatchObject({
      retryable: true,
    });
    expect(paths()).toContain('upload > delete > /tcb/batchdeletefile');
  });

  it('show no secret', async () => {
    const { storage, emulator } = application;
    const { fileId } = await storage.upload('a/b.bin', 'x');
    await storage.downloadBuffer(fileId);
    const shown = inspect(traces.operations, { depth: Infinity, showHidden: true });
    expect(shown).not.toContain(emulator.options.secret);
    expect(shown).not.toMatch(/access_token|sign=|q-sign|https?:\/\//);
  });
});

describe('the diagnostics channels with the option cos', () => {
  beforeEach(async () => {
    application = await startApplication({ options: emulator => BUCKET.options(emulator) });
    traces = new TraceRecorder();
  });

  it('publish copies, lists and URLs', async () => {
    const { storage, emulator } = application;
    const { env } = emulator;
    const { fileId } = await storage.upload('a.txt', 'hello');
    traces.operations.length = 0;
    await storage.copy(fileId, 'b.txt');
    const listed = storage.list();
    await listed.next();
    await storage.createUploadUrl('c.txt');
    expect(traces.eventsOf('copy')).toEqual([{ env, size: 5, durationMs }]);
    expect(traces.eventsOf('list')).toEqual([{ env, entries: 2, durationMs }]);
    expect(traces.eventsOf('form')).toEqual([{ env, durationMs }]);
    expect(paths()).toEqual([
      'copy',
      'copy > HEAD object',
      'copy > /_/cos/metaid/decode',
      'copy > /_/cos/metaid/encode',
      'copy > PUT object copy',
      'list',
      'list > GET bucket',
      'form',
      'form > /_/cos/metaid/encode',
    ]);
  });

  it('publish one upload for a body that is sent in parts', async () => {
    const { storage, emulator } = application;
    const bytes = randomBytes(PART_BYTES + 5);
    await storage.upload('a.bin', Readable.from([bytes]));
    const { env } = emulator;
    expect(traces.eventsOf('upload')).toEqual([
      { env, size: bytes.byteLength, tries: 1, durationMs },
    ]);
    expect(new Set(paths())).toContain('upload > PUT part');
  });

  it('publish the code of an upload that may only create a file', async () => {
    const { storage } = application;
    const code = 'WX_CLOUD_FILE_EXISTS';
    await storage.upload('a.txt', '1');
    const second = storage.upload('a.txt', '2', { createOnly: true });
    await expect(second).rejects.toMatchObject({ code });
    expect(traces.of('upload')).toMatchObject([
      { stages: SUCCESS },
      { event: { size: 1, tries: 1, code }, stages: FAILURE },
    ]);
  });

  it('link signed file IDs to all uploads that asked for them', async () => {
    const { storage } = application;
    await Promise.all(['a', 'b', 'c'].map(path => storage.upload(path, path)));
    const requests = traces.of('request').filter(({ event }) => 'callers' in event);
    expect(requests.map(({ event }) => event['callers'])).toEqual([traces.eventsOf('upload')]);
  });
});

describe('the diagnostics channels with keys that may not send parts', () => {
  beforeEach(async () => {
    application = await startApplication({
      emulator: { cos: { denied: ['initiate-multipart-upload'] } },
      options: emulator => BUCKET.options(emulator),
    });
    traces = new TraceRecorder();
  });

  it('publish one upload for a body that is sent as a whole in the end', async () => {
    const { storage, emulator } = application;
    const bytes = randomBytes(PART_BYTES + 5);
    await storage.upload('a.bin', Readable.from([bytes]));
    expect(traces.eventsOf('upload')).toEqual([
      { env: emulator.env, size: bytes.byteLength, tries: 2, durationMs },
    ]);
  });
});
