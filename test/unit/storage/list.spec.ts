import { describe, expect, it, jest } from '@jest/globals';
import { listFiles, type WxCloudListOptions } from '../../../lib/storage/list.js';
import { contextWith, idOf, refusal } from '../../support/fake-bucket.js';

const lastModified = new Date(0);
const fileOf = (key: string) => ({ key, size: 1, etag: 'e', lastModified });

/** A bucket with a number of objects, as COS pages them. */
function bucketOf(count: number) {
  const keys = Array.from({ length: count }, (_, index) => `f${String(index).padStart(6, '0')}`);
  return jest.fn(
    async ({ marker = '', maxKeys }: { readonly marker?: string; readonly maxKeys: number }) => {
      const left = keys.filter(key => key > marker);
      const page = left.slice(0, maxKeys);
      const nextMarker = left.length > page.length ? page.at(-1) : undefined;
      return { objects: page.map(fileOf), prefixes: [], nextMarker };
    },
  );
}

async function read(
  listObjects: unknown,
  options: WxCloudListOptions = {},
  context = contextWith({ listObjects }),
) {
  const entries = [];
  for await (const entry of listFiles(context, options)) entries.push(entry);
  return entries;
}

describe('list', () => {
  it('lists 10,000 objects with 10 requests', async () => {
    const listObjects = bucketOf(10_000);
    expect(await read(listObjects)).toHaveLength(10_000);
    expect(listObjects).toHaveBeenCalledTimes(10);
  });

  it('returns file ID, path, size, ETag and time', async () => {
    expect(await read(bucketOf(1))).toEqual([
      {
        type: 'file',
        fileId: idOf('f000000'),
        cloudPath: 'f000000',
        size: 1,
        etag: 'e',
        lastModified,
      },
    ]);
  });

  it('requests a page only when its entries are read', async () => {
    const listObjects = bucketOf(2_000);
    const list = listFiles(contextWith({ listObjects }), {});
    expect(listObjects).toHaveBeenCalledTimes(0);
    for (let count = 0; count < 1_000; count += 1) await list.next();
    expect(listObjects).toHaveBeenCalledTimes(1);
    await list.next();
    expect(listObjects).toHaveBeenCalledTimes(2);
    await list.return();
    expect(listObjects).toHaveBeenCalledTimes(2);
  });

  it.each([
    [0, []],
    [1, [1]],
    [1_000, [1_000]],
    [1_001, [1_000, 1]],
  ])('requests no more than the limit %d', async (limit, pages) => {
    const listObjects = bucketOf(3_000);
    expect(await read(listObjects, { limit })).toHaveLength(limit);
    expect(listObjects.mock.calls.map(([{ maxKeys }]) => maxKeys)).toEqual(pages);
  });

  it('passes on prefix and delimiter', async () => {
    const listObjects = bucketOf(0);
    await read(listObjects, { prefix: 'a/', delimiter: '/' });
    expect(listObjects.mock.calls.map(([page]) => page)).toEqual([
      { prefix: 'a/', delimiter: '/', maxKeys: 1_000 },
    ]);
  });

  it('sorts files and prefixes of a page together, by bytes', async () => {
    const objects = ['a', 'c', '\uffee', '\u{1f63a}'].map(fileOf);
    const page = async () => ({ objects, prefixes: ['b/', '\ud83d\ude39/'] });
    expect((await read(page)).map(({ cloudPath }) => cloudPath)).toEqual([
      'a',
      'b/',
      'c',
      '\uffee',
      '\u{1f639}/',
      '\u{1f63a}',
    ]);
  });

  it('repeats a page after a transient failure', async () => {
    const listObjects = bucketOf(1_500);
    listObjects.mockRejectedValueOnce(refusal(503, 'SlowDown'));
    expect(await read(listObjects)).toHaveLength(1_500);
  });

  it('ends when the list does not advance', async () => {
    const page = async () => ({ objects: [fileOf('a')], prefixes: [], nextMarker: 'a' });
    await expect(read(page)).rejects.toMatchObject({ code: 'WX_CLOUD_RESPONSE_MALFORMED' });
  });

  it('stops at an aborted signal', async () => {
    const listObjects = bucketOf(1);
    const signal = AbortSignal.abort();
    await expect(read(listObjects, { signal })).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_ABORTED',
    });
    expect(listObjects).toHaveBeenCalledTimes(0);
  });

  it.each([
    { prefix: '/a' },
    { prefix: 1 as never },
    { prefix: '\ud800' },
    { delimiter: '' },
    { delimiter: 1 as never },
    { limit: -1 },
    { limit: 1.5 },
    { limit: Number.NaN },
  ])('refuses %j', async options => {
    const listObjects = bucketOf(1);
    await expect(read(listObjects, options)).rejects.toMatchObject({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
    });
    expect(listObjects).toHaveBeenCalledTimes(0);
  });

  it('is not supported without the option cos', async () => {
    await expect(read(undefined, {}, contextWith(undefined))).rejects.toMatchObject({
      code: 'WX_CLOUD_UNSUPPORTED',
      message: expect.stringContaining('Set the option cos'),
    });
  });

  it('does not ask again for a right that the keys lack', async () => {
    const listObjects = jest.fn(async () => Promise.reject(refusal(403, 'AccessDenied')));
    const context = contextWith({ listObjects });
    for (let count = 0; count < 2; count += 1) {
      await expect(read(listObjects, {}, context)).rejects.toMatchObject({
        code: 'WX_CLOUD_UNSUPPORTED',
        message: expect.stringContaining('name/cos:GetBucket'),
      });
    }
    expect(listObjects).toHaveBeenCalledTimes(1);
  });
});
