import { describe, expect, it } from '@jest/globals';
import type { WxCloudStorageService } from '../../../lib/index.js';
import { FILE_ID, makeLink, type ScriptedResponse } from '../../support/scripted-cloud.js';
import { startScriptedStorage } from '../../support/storage.js';

const MALFORMED = { code: 'WX_CLOUD_RESPONSE_MALFORMED', retryable: true };

const typed = (type: string, headers: Readonly<Record<string, string>> = {}) => ({
  'content-type': type,
  'content-length': '7',
  ...headers,
});

describe('a page with 200 in place of an object', () => {
  it.each<[string, ScriptedResponse]>([
    ['HTML', { headers: typed('text/html; charset=utf-8'), body: '<p>logi' }],
    ['JSON', { headers: typed('application/json'), body: '{"a":1}' }],
    ['JSON of a problem', { headers: typed('application/problem+json'), body: '{"a":1}' }],
    [
      "JSON with a framework's weak ETag",
      { headers: typed('application/json', { etag: 'W/"7-aa"' }), body: '{"a":1}' },
    ],
  ])('is not a file: %s', async (_, response) => {
    const { storage, cloud } = await startScriptedStorage({
      getObject: response,
      headObject: response,
    });

    await expect(storage.downloadBuffer(FILE_ID)).rejects.toMatchObject(MALFORMED);
    await expect(storage.confirmUpload(FILE_ID)).rejects.toMatchObject(MALFORMED);
    await expect(storage.stat(FILE_ID)).rejects.toMatchObject(MALFORMED);
    await expect(storage.exists(FILE_ID)).rejects.toMatchObject(MALFORMED);
    const read = cloud.requests.filter(request => /^(?:GET|HEAD) \/get$/.test(request));
    expect(read).toHaveLength(12);
    expect(cloud.requests).not.toContain('POST /tcb/batchdeletefile');
  });

  it.each<[string, ScriptedResponse]>([
    ['a stored page', { headers: typed('text/html', { etag: '"0123"' }), body: '<p>hell' }],
    [
      'stored JSON whose storage names no ETag',
      {
        headers: typed('application/json', { 'last-modified': new Date(0).toUTCString() }),
        body: '{"a":1}',
      },
    ],
    ['a picture without an ETag', { headers: typed('image/png'), body: '1234567' }],
  ])('differs from %s', async (_, response) => {
    const { storage } = await startScriptedStorage({ getObject: response, headObject: response });

    expect((await storage.downloadBuffer(FILE_ID)).byteLength).toBe(7);
    expect(await storage.exists(FILE_ID)).toBe(true);
  });
});

describe('an upload link for another path', () => {
  it.each<[string, (storage: WxCloudStorageService) => Promise<unknown>]>([
    ['upload', storage => storage.upload('mine.txt', 'x')],
    ['createUploadForm', storage => storage.createUploadForm('mine.txt')],
    ['check', async storage => Promise.reject((await storage.check()).environment.error)],
  ])('is used by no call: %s', async (_, call) => {
    const { storage, cloud } = await startScriptedStorage({});

    await expect(call(storage)).rejects.toMatchObject(MALFORMED);
    expect(cloud.requests).not.toContain('POST /cos/kept.txt');
  });

  it.each([
    ['environment', 'cloud://another.7363-scripted-1300000000/kept.txt'],
    ['bucket', 'cloud://scripted.another/kept.txt'],
  ])('is used by no call for another %s', async (_, file_id) => {
    const uploadLink = { body: { ...makeLink('https://127.0.0.1:1/kept.txt'), file_id } };
    const { storage, cloud } = await startScriptedStorage(
      { uploadLink },
      { bucket: '7363-scripted-1300000000' },
    );
    await expect(storage.upload('kept.txt', 'x')).rejects.toMatchObject({
      code: 'WX_CLOUD_RESPONSE_MALFORMED',
    });
    expect(cloud.requests).not.toContain('POST /kept.txt');
  });
});
