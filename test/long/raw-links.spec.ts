import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Controller, Post, Query, UseInterceptors } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WxCloudReplyInterceptor, type WxCloudDownloadUrlOutcome } from '../../lib/index.js';
import { EXPRESS, FASTIFY } from '../support/adapters.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { PNG } from '../support/forms.js';
import { ServingController } from '../e2e/http/support/serving-controller.js';

/** Pairs that are equal if a raw path is read as encoded, and names that end a URL's path. */
const PATHS = [
  'a b.png',
  'a%20b.png',
  'a%2520b.png',
  '\u7167\u7247/\u732b.png',
  '100%',
  'what?.png',
  'a.png?sign=0',
  'no#1.png',
  'a+b&c=d;e@f:g.png',
  'a"<>^`{|}\\~[]!$\'()*,.png',
  'a/%2e%2e/b.png',
  '\u{1f600}.png',
];
const contentOf = (path: string): string => `content of ${path}`;

@Controller()
class ReplyController {
  @Post('reply')
  @UseInterceptors(WxCloudReplyInterceptor({ url: true, path: ({ fileName }) => fileName ?? '' }))
  reply(@Query('path') fileName: string) {
    return { body: Buffer.from(contentOf(fileName)), fileName };
  }
}

describe.each([
  { adapter: EXPRESS, downloadLinks: 'encoded' },
  { adapter: EXPRESS, downloadLinks: 'raw' },
  { adapter: FASTIFY, downloadLinks: 'raw' },
] as const)('paths with $downloadLinks links, on $adapter.name', ({ adapter, downloadLinks }) => {
  let application: TestApplication;
  let folder: string;
  let fileIds: readonly string[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wx-cloud-links-'));
    application = await startApplication({
      adapter,
      controllers: [ServingController, ReplyController],
      emulator: { downloadLinks },
    });
    const { storage } = application;
    const stored = await Promise.all(PATHS.map(path => storage.upload(path, contentOf(path))));
    fileIds = stored.map(({ fileId }) => fileId);
  });
  afterAll(async () => {
    await application.close();
    await rm(folder, { recursive: true });
  });

  const fileIdOf = (path: string): string => fileIds[PATHS.indexOf(path)] ?? '';
  const readLink = async (url: string): Promise<string> => {
    expect(url).toMatch(/^[\x21-\x7e]+$/);
    expect(new URL(url).href).toBe(url);
    return (await fetch(url)).text();
  };
  const get = (fileId: string, options: object = {}, init: RequestInit = {}) => {
    const query = new URLSearchParams({ fileId, options: JSON.stringify(options) });
    return fetch(`${application.url}/serve?${query}`, { redirect: 'manual', ...init });
  };

  it.each(PATHS)('are read by every method: %j', async path => {
    const { storage } = application;
    const fileId = fileIdOf(path);
    const expected = contentOf(path);
    const size = Buffer.byteLength(expected);
    const localPath = join(folder, 'file');
    await storage.downloadToFile(fileId, localPath);
    expect(await readFile(localPath, 'utf8')).toBe(expected);
    expect(String(await storage.downloadBuffer(fileId))).toBe(expected);
    expect(String(await buffer((await storage.download(fileId)).body))).toBe(expected);
    expect(await storage.stat(fileId)).toMatchObject({ size, cloudPath: path });
    expect(await storage.exists(fileId)).toBe(true);
    expect(await storage.confirmUpload(fileId)).toMatchObject({ size, cloudPath: path });
    expect(await readLink(await storage.file(fileId).url())).toBe(expected);
  });

  it.each(PATHS)('are read on after a broken connection: %j', async path => {
    const effect = { kind: 'reset', at: 'answer', afterBytes: 5 } as const;
    application.emulator.faults.add({ operation: 'get-object', effect });
    const content = await application.storage.downloadBuffer(fileIdOf(path));
    expect(content.toString()).toBe(contentOf(path));
  });

  it.each(PATHS)('are served and redirected to: %j', async path => {
    const served = await get(fileIdOf(path));
    expect([served.status, await served.text()]).toEqual([200, contentOf(path)]);
    const part = await get(fileIdOf(path), {}, { headers: { range: 'bytes=-3' } });
    expect([part.status, await part.text()]).toEqual([206, contentOf(path).slice(-3)]);
    const redirected = await get(fileIdOf(path), { redirect: true });
    expect(redirected.status).toBe(302);
    expect(await readLink(locationOf(redirected))).toBe(contentOf(path));
  });

  it('have separate links, even from the cache', async () => {
    const { storage, emulator } = application;
    const start = emulator.journal.length;
    for (const imageRules of [undefined, 'imageMogr2/thumbnail/640x|imageMogr2/format/webp']) {
      const outcomes = await storage.getDownloadUrls(fileIds, { imageRules, maxAgeSeconds: 77 });
      const urls = outcomes.map(urlOf);
      expect(await Promise.all(urls.map(readLink))).toEqual(PATHS.map(contentOf));
    }
    const calls = emulator.journal.slice(start).map(({ operation }) => operation);
    // Three of the paths are one name in three spellings, which never share a call.
    expect(calls.filter(operation => operation === 'download-links')).toHaveLength(3);
  });

  it('are linked by the reply interceptor', async () => {
    const path = '\u7167\u7247/a%20b.png';
    const query = new URLSearchParams({ path });
    const response = await fetch(`${application.url}/reply?${query}`, { method: 'POST' });
    const { url } = (await response.json()) as { readonly url: string };
    expect(await readLink(url)).toBe(contentOf(path));
  });

  it('accept image rules', async () => {
    const { fileId } = await application.storage.upload('\u7167%.png', PNG);
    const redirect = { imageRules: 'imageMogr2/thumbnail/!20p' };
    const location = locationOf(await get(fileId, { redirect }));
    expect(location).toMatch(/&imageMogr2\/thumbnail\/!20p$/);
    expect((await fetch(location)).status).toBe(200);
  });
});

function locationOf({ headers }: Response): string {
  return headers.get('location') ?? '';
}

function urlOf(outcome: WxCloudDownloadUrlOutcome): string {
  return outcome.ok ? outcome.url : '';
}
