import { describe, expect, it } from '@jest/globals';
import type { CloudScript, ScriptedResponse } from '../../support/scripted-cloud.js';
import { startScriptedStorage } from '../../support/storage.js';

const PREFIX = 'cloud://scripted.7363-scripted-1300000000/';
const idsOf = (...paths: readonly string[]): string[] => paths.map(path => PREFIX + path);
const fifty = idsOf(...Array.from({ length: 50 }, (_, index) => `f${index}`));
const MALFORMED = { code: 'WX_CLOUD_RESPONSE_MALFORMED', retryable: true };

/** A service whose cloud responds to batches as scripted and records the IDs of each call. */
async function start({ downloadLinks, deleteFiles }: CloudScript) {
  const asked: (readonly string[])[] = [];
  const note = <T>(fileIds: readonly string[], response: T): T => {
    asked.push(fileIds);
    return response;
  };
  const { storage } = await startScriptedStorage({
    ...(downloadLinks && { downloadLinks: (ids, url) => note(ids, downloadLinks(ids, url)) }),
    ...(deleteFiles && { deleteFiles: ids => note(ids, deleteFiles(ids)) }),
  });
  return { asked, storage };
}

const pathOf = (fileId: string): string => fileId.slice(PREFIX.length);
const linkOf = (fileId: string): string => `https://cdn.example/${encodeURI(pathOf(fileId))}?t=1`;
const found = (fileid: string): object => ({ fileid, download_url: linkOf(fileid), status: 0 });
const links = (...file_list: readonly unknown[]): ScriptedResponse => ({
  body: { errcode: 0, file_list },
});
const deletions = (...delete_list: readonly unknown[]): ScriptedResponse => ({
  body: { errcode: 0, delete_list },
});
const refused = (errcode: number): ScriptedResponse => ({ body: { errcode, errmsg: 'a reason' } });
const firstOf = <T>(responses: readonly T[], last: T): (() => T) => {
  const queue = [...responses];
  return () => queue.shift() ?? last;
};

describe('getDownloadUrl with a batch response', () => {
  it.each<[string, (ids: readonly string[]) => ScriptedResponse]>([
    ['in another order', ids => links(...ids.toReversed().map(found))],
    ['with IDs encoded', ids => links(...ids.map(id => ({ ...found(id), fileid: encodeURI(id) })))],
    ['with one twice', ids => links(...ids.map(found), ...ids.slice(0, 1).map(found))],
    ['without IDs', ids => links(...ids.map(id => ({ download_url: linkOf(id), status: 0 })))],
  ])('returns each caller its link: %s', async (_, downloadLinks) => {
    const { storage, asked } = await start({ downloadLinks });
    const ids = idsOf('a.png', '猫 2.png', 'x/a.png');
    const got = await Promise.all(ids.map(id => storage.getDownloadUrl(id)));
    expect(got).toEqual(ids.map(linkOf));
    expect(asked).toEqual([ids]);
  });

  it('retries and rejects only the file missing from a response', async () => {
    const downloadLinks = (ids: readonly string[]): ScriptedResponse =>
      links(...ids.filter(id => !id.endsWith('b')).map(found));
    const { storage, asked } = await start({ downloadLinks });
    const [a, b, c] = await storage.getDownloadUrls(idsOf('a', 'b', 'c'));
    expect([a, c]).toMatchObject([{ ok: true }, { ok: true }]);
    expect(b).toMatchObject({ ok: false, error: MALFORMED });
    expect(asked).toEqual([idsOf('a', 'b', 'c'), idsOf('b'), idsOf('b')]);
  });

  it('returns no link of a file that was not requested', async () => {
    const { storage } = await start({
      downloadLinks: ids => links(...ids.map(id => ({ ...found(id), fileid: `${id}-other` }))),
    });
    await expect(storage.getDownloadUrl(`${PREFIX}a`)).rejects.toMatchObject(MALFORMED);
  });

  it('requests ambiguous files in separate calls', async () => {
    const { storage, asked } = await start({
      downloadLinks: ids => links(...ids.map(id => ({ ...found(id), fileid: decodeURI(id) }))),
    });
    const ids = idsOf('a b', 'a%20b', 'c', 'cafe\u0301', 'caf\u00e9');
    const got = await storage.getDownloadUrls([...ids, ...ids]);
    expect(got).toEqual(
      [...ids, ...ids].map(fileId => ({ fileId, ok: true, url: linkOf(fileId) })),
    );
    expect(asked).toEqual([idsOf('a b', 'c', 'cafe\u0301'), idsOf('a%20b', 'caf\u00e9')]);
  });

  it('requests two lives of one file in separate calls', async () => {
    const { storage, asked } = await start({ downloadLinks: ids => links(...ids.map(found)) });
    await Promise.all([
      storage.getDownloadUrl(`${PREFIX}a`, { maxAgeSeconds: 60 }),
      storage.getDownloadUrl(`${PREFIX}a`, { maxAgeSeconds: 600 }),
    ]);
    expect(asked).toEqual([idsOf('a'), idsOf('a')]);
  });
});

describe('an item with a transient status', () => {
  const TRANSIENT = [-1, -1000, 45011, -501001, -501002, -501004, -601001, -601003];

  /** Items in which the file `b` has the status of `toStatus`. */
  const itemsOf = (ids: readonly string[], toStatus: () => object): object[] =>
    ids.map(id => (id.endsWith('b') ? { ...found(id), ...toStatus() } : found(id)));

  it.each(TRANSIENT)('is requested again alone by getDownloadUrls: %d', async status => {
    const bad = firstOf([{ status, errmsg: 'busy' }], { status: 0 });
    const { storage, asked } = await start({ downloadLinks: ids => links(...itemsOf(ids, bad)) });
    const got = await storage.getDownloadUrls(idsOf('a', 'b'));
    expect(got.map(({ ok }) => ok)).toEqual([true, true]);
    expect(asked).toEqual([idsOf('a', 'b'), idsOf('b')]);
  });

  it.each(TRANSIENT)('is requested again alone by deleteMany: %d', async status => {
    const bad = firstOf([{ status, errmsg: 'busy' }], { status: 0 });
    const { storage, asked } = await start({ deleteFiles: ids => deletions(...itemsOf(ids, bad)) });
    await Promise.all(idsOf('a', 'b').map(id => storage.delete(id)));
    expect(asked).toEqual([idsOf('a', 'b'), idsOf('b')]);
  });

  it('is requested again by reads', async () => {
    const bad = firstOf([{ status: -501001 }, { status: -501001 }], { status: 0 });
    const { storage, asked } = await start({
      downloadLinks: (ids, url) =>
        links(...ids.map(fileid => ({ fileid, download_url: `${url}/get`, ...bad() }))),
    });
    expect(await storage.exists(`${PREFIX}a`)).toBe(true);
    expect(asked).toHaveLength(3);
  });

  it('is a retryable error after all tries', async () => {
    const { storage, asked } = await start({
      deleteFiles: ids => deletions(...ids.map(fileid => ({ fileid, status: -501001 }))),
    });
    await expect(storage.delete(`${PREFIX}a`)).rejects.toMatchObject({
      code: 'WX_CLOUD_API_FAILED',
      errcode: -501001,
      retryable: true,
    });
    expect(asked).toHaveLength(3);
  });

  it('with a permanent status is not requested again', async () => {
    const { storage, asked } = await start({
      deleteFiles: ids => deletions(...ids.map(fileid => ({ fileid, status: -503002 }))),
    });
    await expect(storage.delete(`${PREFIX}a`)).rejects.toMatchObject({ retryable: false });
    expect(asked).toHaveLength(1);
  });
});

describe('a call with the errcode -503003', () => {
  const missing = idsOf('f3', 'f20', 'f49');
  const present = fifty.filter(id => !missing.includes(id));
  const refuses = (ids: readonly string[]): boolean => ids.some(id => missing.includes(id));
  const deleteFiles = (ids: readonly string[]): ScriptedResponse =>
    refuses(ids) ? refused(-503003) : deletions(...ids);
  const downloadLinks = (ids: readonly string[]): ScriptedResponse =>
    refuses(ids) ? refused(-503003) : links(...ids.map(found));

  it('counts as the deletion of a single file', async () => {
    const { storage, asked } = await start({ deleteFiles });
    await expect(storage.delete(`${PREFIX}f3`)).resolves.toBeUndefined();
    expect(asked).toHaveLength(1);
  });

  it('does not count as a deletion of other files, which succeed in their own calls', async () => {
    const { storage, asked } = await start({ deleteFiles });
    const outcomes = await storage.deleteMany(fifty);
    expect(outcomes.filter(({ ok }) => !ok)).toEqual([]);
    const deleted = asked.filter(ids => !refuses(ids)).flat();
    expect(present.filter(id => !deleted.includes(id))).toEqual([]);
  });

  it('applies to every file when all are missing', async () => {
    const { storage, asked } = await start({ deleteFiles: () => refused(-503003) });
    const outcomes = await storage.deleteMany(fifty);
    expect(outcomes.filter(({ ok }) => !ok)).toEqual([]);
    const alone = asked.filter(({ length }) => length === 1).flat();
    expect(new Set(alone)).toEqual(new Set(fifty));
  });

  it('means for links that only this file is missing', async () => {
    const { storage } = await start({ downloadLinks });
    const outcomes = await storage.getDownloadUrls(fifty);
    const failed = outcomes.filter(({ ok }) => !ok);
    expect(failed.map(({ fileId }) => fileId)).toEqual(missing);
    expect(failed).toMatchObject(
      failed.map(() => ({ error: { code: 'WX_CLOUD_FILE_NOT_FOUND' } })),
    );
  });
});
