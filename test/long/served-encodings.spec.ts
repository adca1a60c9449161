import { buffer } from 'node:stream/consumers';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { request as send } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS } from '../support/adapters.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { storeWithField } from '../support/direct-upload.js';
import { ServingController } from '../e2e/http/support/serving-controller.js';

const TEXT = 'The same line again.\n'.repeat(500);
const ENCODED = [
  ['gzip', gzipSync(TEXT)],
  ['deflate', deflateSync(TEXT)],
  ['br', brotliCompressSync(TEXT)],
] as const;

describe.each(ADAPTERS)('serve with Content-Encoding on $name', adapter => {
  let application: TestApplication;
  beforeAll(async () => {
    application = await startApplication({ adapter, controllers: [ServingController] });
  });
  afterAll(() => application.close());

  async function store(encoding: string, body: Uint8Array) {
    const { fileId } = await storeWithField(application.storage, {
      body: new Uint8Array(body),
      fields: { 'Content-Type': 'text/plain', 'Content-Encoding': encoding },
    });
    return { fileId, query: new URLSearchParams({ fileId }).toString() };
  }
  /** As they are on the wire. */
  async function getRaw(
    path: string,
    { method = 'GET', ...headers }: Record<string, string> & { method?: 'GET' | 'HEAD' } = {},
  ) {
    const response = await send(`${application.url}/${path}`, { method, headers });
    const body = Buffer.from(await response.body.arrayBuffer());
    return { status: response.statusCode, headers: response.headers, body };
  }

  it.each(ENCODED)('names %s in every response', async (encoding, bytes) => {
    const { query } = await store(encoding, bytes);
    const whole = await getRaw(`serve?${query}`);
    expect([whole.status, whole.body.equals(bytes)]).toEqual([200, true]);
    const etag = String(whole.headers.etag);
    const part = await getRaw(`serve?${query}`, { range: 'bytes=3-9' });
    expect([part.status, part.body.equals(bytes.subarray(3, 10))]).toEqual([206, true]);
    const responses = [
      whole,
      part,
      await getRaw(`serve?${query}`, { method: 'HEAD' }),
      await getRaw(`serve?${query}`, { 'if-none-match': etag }),
    ];
    expect(responses.map(({ status }) => status)).toEqual([200, 206, 200, 304]);
    for (const { headers } of responses) expect(headers['content-encoding']).toBe(encoding);
    expect(await (await fetch(`${application.url}/serve?${query}`)).text()).toBe(TEXT);
  });

  it.each(ENCODED)('decodes %s for a handler that returns the file', async (encoding, bytes) => {
    const { query } = await store(encoding, bytes);
    const { headers, body } = await getRaw(`streamable?${query}`);
    expect(headers).not.toHaveProperty('content-encoding');
    expect(headers).not.toHaveProperty('content-length');
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-disposition': 'inline',
    });
    expect(body.toString()).toBe(TEXT);
  });

  it.each(['zstd', 'gzip, br', 'x-own'])(
    'returns an unknown encoding as a download: %s',
    async encoding => {
      const { query } = await store(encoding, Buffer.from(TEXT));
      const { headers, body } = await getRaw(`streamable?${query}`);
      expect(body.toString()).toBe(TEXT);
      expect(headers).toMatchObject({
        'content-type': 'application/octet-stream',
        'content-disposition': 'attachment',
      });
    },
  );

  it.each([
    ['identity', undefined],
    ['no token', undefined],
    ['GZIP', 'gzip'],
    ['gzip, br', 'gzip, br'],
  ])('serves %j as %j', async (encoding, expected) => {
    const { query } = await store(encoding, Buffer.from(TEXT));
    const { headers } = await getRaw(`serve?${query}`);
    expect(headers['content-encoding']).toBe(expected);
  });

  it('fails for content that does not match its encoding', async () => {
    const { query } = await store('gzip', Buffer.from(TEXT));
    const outcome = await getRaw(`streamable?${query}`).catch(() => ({ status: 0, body: '' }));
    expect(outcome.status).not.toBe(200);
  });
});

describe('contentEncoding', () => {
  let application: TestApplication;
  beforeAll(async () => {
    application = await startApplication();
  });
  afterAll(() => application.close());

  it('is in every description of a file, whose bytes stay encoded', async () => {
    const { storage } = application;
    const bytes = gzipSync(TEXT);
    const { fileId } = await storeWithField(storage, {
      body: new Uint8Array(bytes),
      fields: { 'Content-Encoding': 'gzip' },
    });
    const encoded = { size: bytes.byteLength, contentEncoding: 'gzip' };
    expect(await storage.stat(fileId)).toMatchObject(encoded);
    expect(await storage.confirmUpload(fileId)).toMatchObject(encoded);
    const { body, ...download } = await storage.download(fileId);
    expect(download).toMatchObject(encoded);
    expect((await buffer(body)).equals(bytes)).toBe(true);
    expect((await storage.downloadBuffer(fileId)).equals(bytes)).toBe(true);
  });

  it('is undefined for other files', async () => {
    const { fileId } = await application.storage.upload('plain.txt', TEXT);
    expect(await application.storage.stat(fileId)).toHaveProperty('contentEncoding', undefined);
  });
});
