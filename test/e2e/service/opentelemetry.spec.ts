import { PassThrough, type Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { type INestApplication, Logger } from '@nestjs/common';
import { type Attributes, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { afterAll, describe, expect, it } from '@jest/globals';
import { Agent, fetch as undiciFetch } from 'undici';
import type {
  AccessTokenStore,
  WxCloudStorageOptions,
  WxCloudStorageService,
} from '../../../lib/index.js';
import { instrumentWxCloudStorage } from '../../../lib/opentelemetry/index.js';
import { afterThisTest } from '../../support/after-test.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { MemoryPendingFileStore } from '../../support/memory-pending-file-store.js';
import { useTelemetry } from '../../support/telemetry.js';
import { until } from '../../support/until.js';

const observed = useTelemetry();

async function start(options: Partial<WxCloudStorageOptions> = {}): Promise<TestApplication> {
  const application = await startApplication({ options });
  afterThisTest(() => application.close());
  observed.telemetry.reset();
  return application;
}

const tracer = () => observed.telemetry.tracerProvider.getTracer('application');
const paths = (): string[] =>
  observed.telemetry.spans.map(span => observed.telemetry.pathOf(span)).toSorted();
const spanOf = (name: string) => observed.telemetry.spans.find(span => span.name === name);

describe('the spans', () => {
  it('nest below the span of the application', async () => {
    const { storage, emulator } = await start();
    await tracer().startActiveSpan('handler', async span => {
      await storage.upload('a.bin', Buffer.alloc(1_000));
      span.end();
    });
    expect(paths()).toEqual([
      'handler',
      'handler > wx-cloud-storage upload',
      'handler > wx-cloud-storage upload > POST /tcb/uploadfile',
      'handler > wx-cloud-storage upload > POST object',
      'handler > wx-cloud-storage upload > wx-cloud-storage token',
      'handler > wx-cloud-storage upload > wx-cloud-storage token > POST /cgi-bin/stable_token',
    ]);
    expect(spanOf('wx-cloud-storage upload')).toMatchObject({
      kind: SpanKind.INTERNAL,
      attributes: { 'wx_cloud.env': emulator.env, 'wx_cloud.size': 1_000, 'wx_cloud.tries': 1 },
      status: { code: SpanStatusCode.UNSET },
    });
    expect(spanOf('POST object')).toMatchObject({
      kind: SpanKind.CLIENT,
      attributes: {
        'wx_cloud.endpoint': 'POST object',
        'http.request.method': 'POST',
        'http.response.status_code': 204,
      },
    });
  });

  it('tell of failures by the code', async () => {
    const { storage, emulator } = await start();
    emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'cos-error', cosCode: 'SlowDown' },
      times: Infinity,
    });
    await expect(storage.upload('a', 'b')).rejects.toMatchObject({ retryable: true });
    expect(spanOf('wx-cloud-storage upload')).toMatchObject({
      attributes: { 'error.type': 'WX_CLOUD_UPLOAD_REJECTED', 'wx_cloud.tries': 3 },
      status: { code: SpanStatusCode.ERROR },
      events: [],
    });
  });

  it('link a shared request to the other operations', async () => {
    const { storage } = await start();
    const ids = (await Promise.all(['1', '2', '3'].map(path => storage.upload(path, path)))).map(
      ({ fileId }) => fileId,
    );
    observed.telemetry.reset();
    await Promise.all(ids.map(fileId => storage.getDownloadUrl(fileId)));
    const links = observed.telemetry.spans.filter(({ name }) => name === 'wx-cloud-storage links');
    const request = spanOf('POST /tcb/batchdownloadfile');
    const [owner, ...others] = links.map(span => span.spanContext().spanId);
    expect(request?.parentSpanContext?.spanId).toBe(owner);
    expect(request?.links.map(link => link.context.spanId)).toEqual(others);
  });

  it('are no longer made after the end, but for raw ones', async () => {
    const { storage } = await start();
    observed.instrumentation.stop();
    observed.instrumentation.stop();
    await storage.upload('a', 'b');
    expect(observed.telemetry.spans.length).toBeGreaterThan(0);
    expect(observed.telemetry.rawAddresses).toHaveLength(observed.telemetry.spans.length);
    expect(observed.telemetry.rawAddresses.join()).toContain('access_token=');
  });
});

it('a store is told of a token in a context without spans', async () => {
  const recorded: boolean[] = [];
  const store: AccessTokenStore = {
    get: async () => undefined,
    lock: async () => ({ fence: 1, release: async () => {} }),
    set: async () => {
      const span = tracer().startSpan('redis-EVAL');
      recorded.push(span.isRecording());
      return true;
    },
  };
  const { storage, close } = await startApplication({
    options: ({ options: { appid, secret } }) => ({
      appid: undefined,
      secret: undefined,
      auth: { type: 'stable-token', appid, secret, store },
    }),
  });
  afterThisTest(close);
  await storage.upload('a', 'b');
  expect(recorded).toEqual([false]);
});

it('a sampler that throws costs a span, not the process', async () => {
  const throws = new BasicTracerProvider({
    sampler: {
      shouldSample: () => {
        throw new Error('a bug of the application');
      },
    },
  });
  observed.instrumentation.stop();
  const throwing = instrumentWxCloudStorage({ tracerProvider: throws });
  afterThisTest(() => throwing.stop());
  const { storage } = await start();
  await expect(storage.upload('a', 'b')).resolves.toMatchObject({ size: 1 });
  await setTimeout(10);
});

describe('the raw spans of HTTP clients', () => {
  async function expectUploadsSuppressed(storage: WxCloudStorageService): Promise<void> {
    const names = Array.from({ length: 30 }, (_, index) => `${index}`);
    await Promise.all(names.map(name => storage.upload(name, name)));
    expect(observed.telemetry.rawAddresses).toEqual([]);
    expect(observed.telemetry.spans.filter(({ name }) => name === 'POST object')).toHaveLength(30);
  }

  it('are suppressed for requests that wait for a connection', async () => {
    const { storage } = await start({ maxConnections: 3 });
    await expectUploadsSuppressed(storage);
  });

  it('are suppressed for requests that wait in a pool of the application', async () => {
    const dispatcher = new Agent({ connections: 1 });
    afterThisTest(() => dispatcher.destroy());
    const { storage } = await start({ dispatcher } as Partial<WxCloudStorageOptions>);
    await expectUploadsSuppressed(storage);
  });

  it('stay for other requests of the application', async () => {
    const { storage, emulator } = await start();
    const ask = () => undiciFetch(emulator.url);
    await Promise.all([storage.upload('a', 'b'), ask()]);
    await ask();
    expect(observed.telemetry.rawAddresses).toEqual([`${emulator.url}/`, `${emulator.url}/`]);
  });

  it('stay within a body that is uploaded', async () => {
    const { storage, emulator } = await start();
    async function* body() {
      yield Buffer.alloc(100_000);
      await undiciFetch(emulator.url);
      yield Buffer.alloc(100_000);
    }
    await storage.upload('a', body(), { size: 200_000 });
    expect(observed.telemetry.rawSpans.map(span => observed.telemetry.pathOf(span))).toEqual([
      'wx-cloud-storage upload > POST object > GET',
    ]);
  });

  it('stay where a download is read', async () => {
    const { storage, emulator } = await start();
    const { fileId } = await storage.upload('a', Buffer.alloc(300_000));
    const { body } = await storage.download(fileId);
    const asked: Promise<unknown>[] = [];
    body.on('data', () => asked.push(undiciFetch(emulator.url)));
    await finished(body);
    await Promise.all(asked);
    expect(asked.length).toBeGreaterThan(2);
    expect(observed.telemetry.rawSpans).toHaveLength(asked.length);
  });
});

describe('the metrics', () => {
  it('tell of durations, bytes, attempts, tokens and pending files', async () => {
    const pending = new MemoryPendingFileStore();
    const { storage, emulator } = await start({ pending });
    const { fileId } = await storage.upload('a', Buffer.alloc(1_000), { uniquePath: true });
    await storage.downloadBuffer(fileId);
    const env = { 'wx_cloud.env': emulator.env };
    const sum = (operation: string) => ({
      attributes: { ...env, 'wx_cloud.operation': operation },
      value: expect.objectContaining({ count: 1, sum: 1_000 }),
    });
    expect(await pointsOf('wx_cloud.transfer.size')).toMatchObject([
      sum('upload'),
      sum('download'),
    ]);
    expect(await pointsOf('wx_cloud.operation.duration')).toMatchObject(
      ['token', 'upload', 'download'].map(operation => ({
        attributes: { ...env, 'wx_cloud.operation': operation },
        value: { count: 1 },
      })),
    );
    expect(await pointsOf('wx_cloud.upload.tries')).toMatchObject([
      { attributes: env, value: { count: 1, sum: 1 } },
    ]);
    expect(await pointsOf('wx_cloud.token.fetches')).toMatchObject([
      { attributes: { ...env, 'wx_cloud.auth.type': 'stable-token' }, value: 1 },
    ]);
    expect(await pointsOf('wx_cloud.pending.files')).toMatchObject([{ attributes: env, value: 0 }]);
    expect(
      (await pointsOf('wx_cloud.request.duration')).map(({ attributes }) => attributes),
    ).toEqual([
      {
        'wx_cloud.endpoint': '/cgi-bin/stable_token',
        'http.request.method': 'POST',
        'http.response.status_code': 200,
      },
      {
        'wx_cloud.endpoint': '/tcb/uploadfile',
        'http.request.method': 'POST',
        'http.response.status_code': 200,
      },
      {
        'wx_cloud.endpoint': 'POST object',
        'http.request.method': 'POST',
        'http.response.status_code': 204,
      },
      {
        'wx_cloud.endpoint': '/tcb/batchdownloadfile',
        'http.request.method': 'POST',
        'http.response.status_code': 200,
      },
      {
        'wx_cloud.endpoint': 'GET object',
        'http.request.method': 'GET',
        'http.response.status_code': 200,
      },
    ]);
  });

  it.each<[string, (body: Readable) => unknown]>([
    ['destroys it', body => body.destroy()],
    ['passes it on to a client that leaves', body => body.pipe(new PassThrough()).destroy()],
    ['ends its response', body => pipeline(body, endedResponse()).catch(() => {})],
  ])('count the bytes that came of a download whose reader %s', async (_, leave) => {
    const { storage, emulator } = await start();
    const { fileId } = await storage.upload('a', Buffer.alloc(3_000_000));
    let arrivedBytes = 0;
    const { body } = await storage.download(fileId, {
      onProgress: ({ transferredBytes }) => (arrivedBytes = transferredBytes),
    });
    await leave(body);
    body.destroy();
    await until(() => spanOf('wx-cloud-storage download') !== undefined, 'the end of the download');
    expect(arrivedBytes).toBeLessThan(3_000_000);
    const left = { 'wx_cloud.env': emulator.env, 'wx_cloud.download.left': true };
    const attributes = { ...left, 'wx_cloud.operation': 'download' };
    const points = (await pointsOf('wx_cloud.operation.duration', 'wx_cloud.transfer.size')).filter(
      point => point.attributes['wx_cloud.operation'] === 'download',
    );
    expect(points).toMatchObject([
      { attributes, value: { count: 1 } },
      { attributes, value: { count: 1, sum: arrivedBytes } },
    ]);
    expect(points.map(point => point.attributes)).toEqual([attributes, attributes]);
    expect(spanOf('wx-cloud-storage download')).toMatchObject({
      attributes: { ...left, 'wx_cloud.size': arrivedBytes },
      status: { code: SpanStatusCode.UNSET },
    });
  });

  it('count no pending upload for ever that they stop to hear of', async () => {
    const { storage, emulator } = await start({ pending: new MemoryPendingFileStore() });
    emulator.faults.add({ operation: 'post-object', effect: { kind: 'hang', at: 'request' } });
    const client = new AbortController();
    const uploading = storage.upload('a', 'b', { uniquePath: true, signal: client.signal });
    await until(async () => (await pendingFiles()) === 1, 'the pending upload');
    observed.instrumentation.stop();
    await expect(pendingFiles()).resolves.toBe(0);
    client.abort();
    await expect(uploading).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
    await expect(pendingFiles()).resolves.toBe(0);
  });

  it('count no end of a pending upload that began before them', async () => {
    const { storage, emulator } = await start({ pending: new MemoryPendingFileStore() });
    emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'hang', at: 'request' },
      times: 2,
    });
    const client = new AbortController();
    const upload = (path: string, signal: AbortSignal) =>
      storage.upload(path, 'b', { uniquePath: true, signal });
    const aborted = { code: 'WX_CLOUD_REQUEST_ABORTED' };
    const before = upload('before', client.signal);
    await until(async () => (await pendingFiles()) === 1, 'the pending upload');
    observed.instrumentation.stop();
    const next = instrumentWxCloudStorage(observed.telemetry);
    afterThisTest(() => next.stop());
    const laterClient = new AbortController();
    const after = upload('after', laterClient.signal);
    await until(async () => (await pendingFiles()) === 1, 'the other pending upload');
    client.abort();
    await expect(before).rejects.toMatchObject(aborted);
    await expect(pendingFiles()).resolves.toBe(1);
    laterClient.abort();
    await expect(after).rejects.toMatchObject(aborted);
    await expect(pendingFiles()).resolves.toBe(0);
  });

  it('are counted once, however often the instrumentation is observed', async () => {
    expect(instrumentWxCloudStorage()).toBe(observed.instrumentation);
    observed.instrumentation.stop();
    const next = instrumentWxCloudStorage(observed.telemetry);
    afterThisTest(() => next.stop());
    expect(next).not.toBe(observed.instrumentation);
    const { storage } = await start();
    await storage.upload('a', 'b');
    expect(observed.telemetry.spans.filter(({ name }) => name === 'POST object')).toHaveLength(1);
  });
});

/** A stream of a client that has left. */
function endedResponse(): PassThrough {
  const response = new PassThrough();
  setImmediate(() => response.destroy());
  return response;
}

/** The points of metrics. */
async function pointsOf(...names: readonly string[]) {
  const metrics = await observed.telemetry.collectMetrics();
  return metrics
    .filter(({ descriptor }) => names.includes(descriptor.name))
    .flatMap(({ dataPoints }) => dataPoints as { attributes: Attributes; value: unknown }[]);
}

/** The number of pending uploads, as the metrics tell it. */
async function pendingFiles(): Promise<unknown> {
  const [point] = await pointsOf('wx_cloud.pending.files');
  return point?.value;
}

describe('the start of the module', () => {
  afterAll(() => Logger.overrideLogger(false));

  async function warningsOfStart(): Promise<readonly string[]> {
    const warnings: string[] = [];
    const ignore = (): void => {};
    const logger = {
      warn: (line: string): void => void warnings.push(line),
      log: ignore,
      error: ignore,
      debug: ignore,
    };
    const configure = (app: INestApplication): void => app.useLogger(logger);
    const { storage, close } = await startApplication({ configure });
    afterThisTest(close);
    await storage.upload('a', 'b');
    return warnings.filter(line => line.includes('instrumentWxCloudStorage()'));
  }

  it('warns of an instrumentation of undici without that of this package', async () => {
    observed.instrumentation.stop();
    await expect(warningsOfStart()).resolves.toHaveLength(1);
  });

  it('does not warn with that of this package, or without any', async () => {
    await expect(warningsOfStart()).resolves.toEqual([]);
    observed.instrumentation.stop();
    await observed.telemetry.stop();
    await expect(warningsOfStart()).resolves.toEqual([]);
  });
});
