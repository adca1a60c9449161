import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { WxCloudExceptionFilter } from '../../../lib/index.js';
import { ADAPTERS } from '../../support/adapters.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { PNG } from '../../support/forms.js';
import { firstBytes, getAndLeave } from '../../support/impatient-client.js';
import { until } from '../../support/until.js';
import { ServingController } from './support/serving-controller.js';

const TEXT = '0123456789';
/** The suite runs with both forms of links. */
const LINKS = { express: 'encoded', fastify: 'raw' } as const;
const large = randomBytes(3_000_000);

describe.each(ADAPTERS)('serve on $name', adapter => {
  let application: TestApplication;
  let textId: string;
  let imageId: string;
  let largeId: string;
  let etag: string;
  beforeAll(async () => {
    application = await startApplication({
      adapter,
      controllers: [ServingController],
      emulator: { downloadLinks: LINKS[adapter.name] },
      configure: app => {
        app.enableCors({ origin: 'https://www.example.com' });
        app.useGlobalFilters(new WxCloudExceptionFilter(app.getHttpAdapter()));
      },
    });
  });
  beforeEach(async () => {
    const { storage, emulator } = application;
    await emulator.reset();
    ({ fileId: textId, etag } = await storage.upload('a%20 \u6587.txt', TEXT, {
      contentType: 'text/plain',
    }));
    ({ fileId: imageId } = await storage.upload('\u7167\u7247/a%20b.png', PNG));
    ({ fileId: largeId } = await storage.upload('large #1?.bin', large));
  });
  afterAll(() => application.close());

  async function get(
    fileId: string,
    {
      route = 'serve',
      options = {},
      ...init
    }: RequestInit & { route?: string; options?: object } = {},
  ) {
    const query = new URLSearchParams({ fileId, options: JSON.stringify(options) });
    const response = await fetch(`${application.url}/${route}?${query}`, {
      redirect: 'manual',
      ...init,
    });
    const body = Buffer.from(await response.arrayBuffer());
    const headers: Record<string, string> = Object.fromEntries(response.headers);
    const { location = '' } = headers;
    return { status: response.status, headers, body, location };
  }
  const operations = () =>
    application.emulator.journal.map(({ operation }) => operation).filter(isReading);

  it('sends the file with its headers', async () => {
    const { status, headers, body } = await get(imageId);
    expect([status, body.equals(PNG)]).toEqual([200, true]);
    expect(headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(PNG.byteLength),
      etag: expect.stringMatching(/^"[\da-f]{32}"$/),
      'last-modified': expect.stringMatching(/GMT$/),
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
      'content-disposition': 'inline',
      'x-content-type-options': 'nosniff',
      'access-control-allow-origin': 'https://www.example.com',
    });
    expect(headers).not.toHaveProperty('content-security-policy');
    expect(operations()).toEqual(['get-object']);
  });

  it('accepts a name in any language, another type and another cache policy', async () => {
    const options = {
      fileName: '照片.png',
      disposition: 'attachment',
      contentType: 'image/x-own',
      cacheControl: 'public, max-age=60',
    };
    expect((await get(imageId, { options })).headers).toMatchObject({
      'content-disposition': `attachment; filename="__.png"; filename*=UTF-8''%E7%85%A7%E7%89%87.png`,
      'content-type': 'image/x-own',
      'cache-control': 'public, max-age=60',
    });
  });

  it('sends a large file completely', async () => {
    expect((await get(largeId)).body.equals(large)).toBe(true);
  });

  it.each([
    ['page.html', 'text/html'],
    ['drawing.svg', 'image/svg+xml'],
    ['data.bin', 'application/octet-stream'],
  ])('sends as a download what could run in the application: %s', async (path, contentType) => {
    const { fileId } = await application.storage.upload(path, '<script>', { contentType });
    const responses = [
      await get(fileId, { options: { contentType } }),
      await get(fileId, { options: { contentType, disposition: 'inline' } }),
    ];
    expect(responses.map(({ headers }) => headers['content-disposition'])).toEqual([
      'attachment',
      'inline',
    ]);
    expect(responses.map(({ headers }) => headers['content-security-policy'])).toEqual([
      expect.stringMatching(/^sandbox;/),
      expect.stringMatching(/^sandbox;/),
    ]);
  });

  it.each([
    ['bytes=2-4', 'bytes 2-4/10', '234'],
    ['bytes=8-', 'bytes 8-9/10', '89'],
    ['bytes=-3', 'bytes 7-9/10', '789'],
    ['bytes=-30', 'bytes 0-9/10', TEXT],
    ['bytes=5-500', 'bytes 5-9/10', '56789'],
    ['bytes=0-', 'bytes 0-9/10', TEXT],
  ])('sends the range %s', async (range, contentRange, expected) => {
    const { status, headers, body } = await get(textId, { headers: { range } });
    expect([status, headers['content-range'], body.toString()]).toEqual([
      206,
      contentRange,
      expected,
    ]);
    expect(headers['content-length']).toBe(String(expected.length));
  });

  it.each(['bytes=0-1,3-4', 'items=0-1', 'bytes=4-2', 'nonsense'])(
    'sends the whole file for %s',
    async range => {
      const { status, body } = await get(textId, { headers: { range } });
      expect([status, body.toString()]).toEqual([200, TEXT]);
    },
  );

  it.each(['bytes=10-', 'bytes=99-100', 'bytes=-0'])(
    'responds with 416 to the range %s',
    async range => {
      const { status, headers, body } = await get(textId, { headers: { range } });
      expect([status, headers['content-range'], body.byteLength]).toEqual([416, 'bytes */10', 0]);
    },
  );

  it('responds with 416 to a range of an empty file', async () => {
    const { fileId } = await application.storage.upload('empty', '');
    expect(await get(fileId, { headers: { range: 'bytes=0-' } })).toMatchObject({
      status: 416,
      headers: { 'content-range': 'bytes */0' },
    });
    expect(await get(fileId)).toMatchObject({ status: 200, headers: { 'content-length': '0' } });
  });

  it('responds with 304 to a known file', async () => {
    const responses = [
      await get(textId, { headers: { 'if-none-match': `"${etag}"` } }),
      await get(textId, { headers: { 'if-none-match': `W/"${etag}"` } }),
    ];
    expect(responses.map(({ status, body }) => [status, body.byteLength])).toEqual([
      [304, 0],
      [304, 0],
    ]);
    expect(responses[0]?.headers).toMatchObject({ etag: `"${etag}"` });
    expect(operations()).toEqual(['head-object', 'head-object']);
    expect((await get(textId, { headers: { 'if-none-match': '"x"' } })).status).toBe(200);
    expect((await get(textId, { headers: { 'if-match': '"x"' } })).status).toBe(412);
  });

  it('sends a range only for a matching If-Range', async () => {
    const range = 'bytes=2-4';
    const current = await get(textId, { headers: { range, 'if-range': `"${etag}"` } });
    const other = await get(textId, { headers: { range, 'if-range': '"x"' } });
    expect([current.status, current.body.toString()]).toEqual([206, '234']);
    expect([other.status, other.body.toString()]).toEqual([200, TEXT]);
  });

  it('responds to HEAD without reading the file', async () => {
    const { status, headers, body } = await get(textId, { method: 'HEAD' });
    expect([status, headers['content-length'], body.byteLength]).toEqual([200, '10', 0]);
    expect(headers).toMatchObject({ etag: `"${etag}"`, 'content-disposition': 'inline' });
    expect(operations()).toEqual(['head-object']);
  });

  it('redirects to a temporary link, with image rules', async () => {
    const { status, headers, location } = await get(imageId, { options: { redirect: true } });
    expect([status, headers['cache-control']]).toEqual([302, 'no-store']);
    const linked = await fetch(location);
    expect(Buffer.from(await linked.arrayBuffer()).equals(PNG)).toBe(true);
    const redirect = { maxAgeSeconds: 60, imageRules: 'imageMogr2/thumbnail/!20p' };
    const processed = await get(imageId, { options: { redirect } });
    expect(processed.location).toMatch(/&imageMogr2\/thumbnail\/!20p$/);
    expect((await fetch(processed.location)).status).toBe(200);
  });

  it('responds with 404 to a missing file and 400 to a foreign one', async () => {
    expect((await get(`${textId}-absent`)).status).toBe(404);
    expect((await get(`${textId}-absent`, { options: { redirect: true } })).status).toBe(404);
    expect((await get('cloud://other.bucket/a')).status).toBe(400);
  });

  it('survives a broken connection to the storage', async () => {
    application.emulator.faults.add({
      operation: 'get-object',
      effect: { kind: 'reset', at: 'answer', afterBytes: 1_000_000 },
    });
    expect((await get(largeId)).body.equals(large)).toBe(true);
  });

  it('cuts the connection when the file cannot be read to its end', async () => {
    application.emulator.faults.add({
      operation: 'get-object',
      effect: { kind: 'reset', at: 'answer', afterBytes: 1_000 },
      times: Infinity,
    });
    await expect(get(largeId)).rejects.toThrow('terminated');
  });

  it('releases the file when the client leaves', async () => {
    application.emulator.faults.add({
      operation: 'get-object',
      effect: { kind: 'trickle', bytesPerSecond: 50_000 },
    });
    const query = new URLSearchParams({ fileId: largeId });
    await getAndLeave(`${application.url}/serve?${query}`, firstBytes);
    const reading = () =>
      application.emulator.journal.find(({ operation }) => operation === 'get-object');
    await until(() => reading() !== undefined, 'the end of the response');
    expect(reading()).toMatchObject({ aborted: true });
  });

  it('sends a file with possible scripts as a download when a handler returns it', async () => {
    const { headers, body } = await get(textId, {
      route: 'streamable',
      options: { disposition: 'inline', contentType: 'text/html' },
    });
    expect(String(body)).toBe(TEXT);
    expect(headers['content-disposition']).toBe('attachment');
  });

  it('returns a StreamableFile for a handler', async () => {
    const { headers, body } = await get(imageId, {
      route: 'streamable',
      options: { fileName: '照片.png' },
    });
    expect(body.equals(PNG)).toBe(true);
    expect(headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(PNG.byteLength),
      'content-disposition': `inline; filename="__.png"; filename*=UTF-8''%E7%85%A7%E7%89%87.png`,
    });
  });
});

function isReading(operation: string): boolean {
  return operation === 'get-object' || operation === 'head-object';
}
