import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { cleanUpSamples, startSample } from '../../support/sample-process.js';
import { until } from '../../support/until.js';
import { useLabServer } from '../../support/image-lab/lab-server.js';
import { makeImage } from '../../support/image-lab/pictures.js';

const lab = useLabServer();
let fileId: unknown;

beforeEach(async () => {
  const { body } = await lab.upload(await makeImage('png', 'a.png'));
  fileId = body['fileId'];
});

afterAll(cleanUpSamples);

const requestsAbout = (id: unknown): string => {
  return `/api/requests?${String(new URLSearchParams({ fileId: String(id) }))}`;
};
const blur = { operation: 'blur', options: { sigma: 2 } };

describe('an operation of the image lab', () => {
  it('responds with the new image as in the storage and the gallery', async () => {
    const { status, body } = await lab.post('/api/operations', { fileId, ...blur });

    expect(status).toBe(201);
    expect(body).toMatchObject({
      fileId: expect.stringMatching(/^cloud:\/\/.+\/processed\/\d{4}\/.+\.png$/),
      cloudPath: expect.stringMatching(/^processed\//),
      contentType: 'image/png',
      name: 'a-blur-2.png',
      width: 400,
      height: 300,
      operation: 'blur',
      url: expect.stringMatching(/^http:/),
      thumbnailUrl: expect.stringMatching(/^http:/),
    });
    expect(await lab.listImages()).toEqual([body['fileId'], fileId]);
  });

  it('accepts a result of an earlier one', async () => {
    const { body } = await lab.post('/api/operations', { fileId, ...blur });

    const { status } = await lab.post('/api/operations', { fileId: body['fileId'], ...blur });

    expect(status).toBe(201);
    expect(await lab.listImages()).toHaveLength(3);
  });

  it.each([
    { what: 'of another environment', toId: () => 'cloud://other.b-1/images/a.png' },
    { what: 'of another folder', toId: (id: string) => id.replace('/images/', '/thumbnails/') },
    { what: 'that is none', toId: () => 7 },
  ])('rejects a file ID $what before any call', async ({ toId }) => {
    const calls = lab.emulator.journal.length;

    const { status, body } = await lab.post('/api/operations', {
      ...blur,
      fileId: toId(String(fileId)),
    });

    expect([status, body['errorCode']]).toEqual([400, 'WX_CLOUD_FILE_ID_INVALID']);
    expect(lab.emulator.journal).toHaveLength(calls);
  });

  it('rejects a file ID that is not in its gallery, and a list', async () => {
    const other = await lab.post('/api/operations', { ...blur, fileId: `${String(fileId)}x` });
    const list = await lab.post('/api/operations', { ...blur, fileId: [fileId] });

    expect([other.status, other.body['errorCode']]).toEqual([404, 'IMAGE_UNKNOWN']);
    expect([list.status, list.body['errorCode']]).toEqual([400, 'WX_CLOUD_FILE_ID_INVALID']);
  });

  it('gives every new image a unique name', async () => {
    const operations = [
      { operation: 'resize', options: { longestSide: 64 } },
      { operation: 'resize', options: { longestSide: 32 } },
      { operation: 'resize', options: { longestSide: 32 } },
      { operation: 'rotate', options: { degrees: -90 } },
      { operation: 'grayscale' },
    ];
    const names: unknown[] = [];
    for (const operation of operations) {
      names.push((await lab.post('/api/operations', { fileId, ...operation })).body['name']);
    }

    expect(names).toEqual([
      'a-64.png',
      'a-32.png',
      'a-32 (2).png',
      'a-rotate--90.png',
      'a-grayscale.png',
    ]);
  });

  it('gives unique names to concurrent new images', async () => {
    const body = { fileId, operation: 'grayscale' };
    const responses = await Promise.all([1, 2, 3, 4].map(() => lab.post('/api/operations', body)));

    const names = responses.map(response => response.body['name']);
    expect(new Set(names).size).toBe(4);
  });

  it.each([
    { operation: 'resize', options: { longestSide: 15 }, range: 'from 16 to 4096' },
    { operation: 'resize', options: { longestSide: 4_097 }, range: 'from 16 to 4096' },
    { operation: 'resize', options: { longestSide: 480.5 }, range: 'from 16 to 4096' },
    { operation: 'resize', options: { longestSide: '480' }, range: 'from 16 to 4096' },
    { operation: 'resize', options: { longestSide: null }, range: 'from 16 to 4096' },
    { operation: 'resize', options: {}, range: 'from 16 to 4096' },
    { operation: 'rotate', options: { degrees: 181 }, range: 'from -180 to 180' },
    { operation: 'blur', options: { sigma: 0.4 }, range: 'from 0.5 to 40' },
  ])('names the range for $operation with $options', async ({ range, ...operation }) => {
    const response = await lab.post('/api/operations', { fileId, ...operation });

    expect([response.status, response.body['errorCode']]).toEqual([400, 'OPERATION_INVALID']);
    expect(response.body['message']).toContain(range);
  });

  it('names the invalid option and its valid values', async () => {
    const operation = { operation: 'resize', options: { longestSide: 4_097 } };

    const response = await lab.post('/api/operations', { fileId, ...operation });

    expect(response.body).toMatchObject({ option: 'longestSide', min: 16, max: 4_096 });
  });

  it.each([
    { operation: 'toString' },
    { operation: 'blur', options: { sigma: 99 } },
    { operation: 'grayscale', options: {}, more: 1 },
    {},
  ])('rejects %j', async body => {
    const response = await lab.post('/api/operations', { fileId, ...body });

    expect([response.status, response.body['errorCode']]).toEqual([400, 'OPERATION_INVALID']);
  });
});

describe('the API of the image lab', () => {
  it('states the storage of images, the accepted and the displayable types', async () => {
    expect((await lab.get('/api/mode')).body).toEqual({
      mode: 'emulator',
      env: lab.emulator.env,
      fileSizeBytes: 20 * 1024 * 1024,
      contentTypes: expect.arrayContaining(['image/png', 'image/avif']),
      galleryImages: 60,
      showsRequests: true,
      takesCos: true,
    });
  });

  it('stores an image with keys of the bucket, without an upload link for it', async () => {
    const { status, body } = await lab.uploadWithKeys(await makeImage('png', 'b.png'));

    const shown = await lab.get(requestsAbout(body['fileId']));
    expect(status).toBe(201);
    expect(shown.body['requests']).toEqual([
      expect.objectContaining({ operation: 'encode-metaid', sender: 'application', status: 200 }),
      expect.objectContaining({ operation: 'put-object', sender: 'application', status: 200 }),
      ...Array.from({ length: 5 }, () => expect.anything()),
    ]);
  });

  it('lists exactly the requests for storing an image and its thumbnail', async () => {
    await lab.upload(await makeImage('png', 'other.png'));
    const { body: shown } = await lab.get('/api/images');
    const [, { thumbnailUrl }] = shown['images'] as readonly [unknown, { thumbnailUrl: string }];
    expect(await fetch(thumbnailUrl)).toMatchObject({ status: 200 });

    const { status, body } = await lab.get(requestsAbout(fileId));

    const requests = body['requests'] as readonly Readonly<Record<string, unknown>>[];
    expect(status).toBe(200);
    expect(requests.map(({ operation }) => operation)).toEqual([
      'upload-link',
      'post-object',
      'download-links',
      'get-object',
      'upload-link',
      'post-object',
      'download-links',
    ]);
    expect(requests[1]).toEqual({
      operation: 'post-object',
      method: 'POST',
      sender: 'application',
      requestBytes: expect.any(Number),
      responseBytes: 0,
      durationMs: expect.any(Number),
      status: 204,
    });
    expect(requests[1]?.['requestBytes']).toBeGreaterThan(100_000);
    expect(JSON.stringify(requests)).not.toContain('sign');
  });

  it('deletes an image with its thumbnail, by a file ID of its gallery only', async () => {
    const foreign = String(fileId).replace('/images/', '/thumbnails/');

    expect(await lab.remove(`fileId=${encodeURIComponent(foreign)}`)).toBe(400);
    expect(await lab.remove('')).toBe(400);
    expect(await lab.remove(`fileId=${encodeURIComponent(String(fileId))}`)).toBe(204);
    expect(await lab.remove(`fileId=${encodeURIComponent(String(fileId))}`)).toBe(404);
    expect(lab.emulator.objects).toEqual([]);
  });

  it('deletes several images with their thumbnails, including missing ones', async () => {
    const { body: other } = await lab.upload(await makeImage('png', 'b.png'));
    const { body: kept } = await lab.upload(await makeImage('png', 'c.png'));
    const fileIds = [fileId, `${String(fileId)}x`, other['fileId'], fileId];

    const { status, body } = await lab.post('/api/images/delete', { fileIds });

    expect([status, body]).toEqual([200, { deleted: fileIds.slice(0, 3), failed: [] }]);
    expect(await lab.listImages()).toEqual([kept['fileId']]);
    expect(lab.emulator.objects).toHaveLength(2);
    const calls = lab.emulator.journal.filter(({ operation }) => operation === 'delete-files');
    expect(calls).toHaveLength(1);
  });

  it('keeps only the image that cannot be deleted', async () => {
    const { body: other } = await lab.upload(await makeImage('png', 'b.png'));
    const effect = {
      kind: 'item',
      status: 1,
      errmsg: 'STORAGE_EXCEED_AUTHORITY',
      index: 1,
    } as const;
    lab.emulator.faults.add({ operation: 'delete-files', effect });
    const fileIds = [fileId, other['fileId']];

    const first = await lab.post('/api/images/delete', { fileIds });
    const gallery = await lab.listImages();
    const second = await lab.post('/api/images/delete', { fileIds });

    expect(first.body).toEqual({
      deleted: [other['fileId']],
      failed: [{ fileId, errorCode: 'WX_CLOUD_API_FAILED' }],
    });
    expect(gallery).toEqual([fileId]);
    expect(second.body).toEqual({ deleted: fileIds, failed: [] });
    expect(lab.emulator.objects).toEqual([]);
  });

  it('sends the files of its page compressed and cacheable by version', async () => {
    const page = await fetch(lab.url);
    const [path] = /\/assets\/[^"]+\/app\.js/.exec(await page.text()) as RegExpExecArray;
    const paths = [path, '/scripts/app.js', path.replace(/[\da-f]{16}/, '0123456789abcdef')];
    const responses = await Promise.all(paths.map(each => fetch(`${lab.url}${each}`)));

    const caching = [page, ...responses].map(({ status, headers }) => [
      status,
      headers.get('cache-control'),
    ]);
    expect(caching).toEqual([
      [200, 'no-cache'],
      [200, 'public, max-age=31536000, immutable'],
      [404, 'no-cache'],
      [404, 'no-cache'],
    ]);
    expect(page.headers.get('content-encoding')).toBe('gzip');
    expect(page.headers.get('etag')).toMatch(/^W\/"/);
  });

  it('restricts the page to its own files and the cloud by a content security policy', async () => {
    const { url } = await startSample();

    const { headers } = await fetch(url);

    const policy = headers.get('content-security-policy');
    expect(policy).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(policy).toMatch(/; connect-src 'self' http:\/\/127\.0\.0\.1:\d+;/);
    expect(policy).toMatch(/; img-src 'self' blob: http:\/\/127\.0\.0\.1:\d+;/);
  });
});

describe('a failing request to the image lab', () => {
  const quotaUsedUp = { kind: 'errcode', errcode: 45_009 } as const;
  const operate = (signal?: AbortSignal) => {
    return lab.post('/api/operations', { fileId, ...blur }, signal);
  };

  it('keeps no result when its thumbnail cannot be stored', async () => {
    const before = lab.emulator.objects.length;
    lab.emulator.faults.add({ operation: 'upload-link', effect: quotaUsedUp, after: 1 });

    expect((await operate()).status).toBe(503);

    await until(() => lab.emulator.objects.length === before, 'the removal of the result');
    expect(await lab.listImages()).toEqual([fileId]);
  });

  it.each([
    { what: 'an upload', call: async () => lab.upload(await makeImage('png', 'b.png')) },
    { what: 'an operation', call: () => operate() },
  ])('keeps nothing of $what for which there are no links', async ({ call }) => {
    const before = lab.emulator.objects.length;
    lab.emulator.faults.add({ operation: 'download-links', effect: quotaUsedUp, after: 1 });

    expect((await call()).status).toBe(503);

    await until(() => lab.emulator.objects.length === before, 'the removal of the files');
    expect(await lab.listImages()).toEqual([fileId]);
  });

  it('keeps nothing when its client leaves', async () => {
    const before = lab.emulator.objects.length;
    const client = new AbortController();
    lab.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'hang', at: 'request' },
      after: 1,
    });

    const call = operate(client.signal);
    await until(() => lab.emulator.objects.length > before, 'the result');
    client.abort();

    await expect(call).rejects.toThrow('aborted');
    await until(() => lab.emulator.objects.length === before, 'the removal of the result');
    expect(await lab.listImages()).toEqual([fileId]);
  });
});
