import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApplication, type TestApplication } from '../../support/application.js';

let application: TestApplication;
let fileIds: readonly string[];
let setUpEntries: number;

beforeAll(async () => {
  application = await startApplication();
});
afterAll(() => application.close());
beforeEach(async () => {
  await application.emulator.reset();
  const { storage, emulator } = application;
  const paths = Array.from({ length: 60 }, (_, index) => `files/${index}`);
  const stored = await Promise.all(paths.map(path => storage.upload(path, path)));
  fileIds = stored.map(({ fileId }) => fileId);
  setUpEntries = emulator.journal.length;
});

const fileIdAt = (index: number): string => fileIds[index] ?? '';
const foreign = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${fileIds[0]}-absent-${index}`);
const calls = () => application.emulator.journal.slice(setUpEntries);
const count = (operation: string): number =>
  calls().filter(entry => entry.operation === operation).length;
const read = async (url: string): Promise<string> => (await fetch(url)).text();

describe('concurrent getDownloadUrl calls', () => {
  it('send one request for 50 files', async () => {
    const { storage } = application;
    const links = await Promise.all(fileIds.slice(0, 50).map(id => storage.getDownloadUrl(id)));
    expect(count('download-links')).toBe(1);
    expect(await Promise.all(links.slice(0, 3).map(read))).toEqual([
      'files/0',
      'files/1',
      'files/2',
    ]);
  });

  it('send 20 requests for 1,000 files, each with its own outcome', async () => {
    const { storage } = application;
    const wanted = [...fileIds, ...foreign(940)];
    const settled = await Promise.allSettled(wanted.map(id => storage.getDownloadUrl(id)));
    expect(count('download-links')).toBe(20);
    expect(settled.map(({ status }) => status)).toEqual([
      ...fileIds.map(() => 'fulfilled'),
      ...foreign(940).map(() => 'rejected'),
    ]);
  });

  it('share requests of lists and single files, and request each file once', async () => {
    const { storage } = application;
    const [list, single] = await Promise.all([
      storage.getDownloadUrls(fileIds.slice(0, 30)),
      storage.getDownloadUrl(fileIdAt(3)),
    ]);
    expect(count('download-links')).toBe(1);
    expect(list[3]).toMatchObject({ ok: true, url: single });
  });

  it('may have different lives in one request', async () => {
    const { storage } = application;
    await Promise.all([
      storage.getDownloadUrl(fileIdAt(0), { maxAgeSeconds: 60 }),
      storage.getDownloadUrl(fileIdAt(1), { maxAgeSeconds: 600 }),
    ]);
    expect(count('download-links')).toBe(1);
  });

  it('send three requests at most when every file makes the request fail', async () => {
    const { storage, emulator } = application;
    emulator.faults.add({
      operation: 'download-links',
      effect: { kind: 'errcode', errcode: -501_007 },
      times: Infinity,
    });
    const outcomes = await storage.getDownloadUrls(fileIds.slice(0, 50));
    expect(outcomes.filter(({ ok }) => ok)).toEqual([]);
    expect(count('download-links')).toBe(3);
  });

  it('continue for one caller when another aborts', async () => {
    const { storage, emulator } = application;
    emulator.faults.add({ operation: 'download-links', effect: { kind: 'delay', delayMs: 300 } });
    const impatient = storage.getDownloadUrl(fileIdAt(0), { timeoutMs: 50 });
    const patient = storage.getDownloadUrl(fileIdAt(1));
    await expect(impatient).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_TIMED_OUT' });
    expect(await read(await patient)).toBe('files/1');
    expect(count('download-links')).toBe(1);
  });

  it('never reach the network for a foreign file', async () => {
    const { storage } = application;
    await expect(storage.getDownloadUrl('cloud://other.bucket/a')).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_ID_INVALID',
    });
    expect(calls()).toEqual([]);
  });
});

describe('getDownloadUrl', () => {
  it('returns a cached link', async () => {
    const { storage } = application;
    const first = await storage.getDownloadUrls(fileIds);
    expect(await storage.getDownloadUrls(fileIds)).toEqual(first);
    expect(count('download-links')).toBe(2);
  });

  it.each([
    ['deleted', async (fileId: string) => application.storage.delete(fileId)],
    ['replaced', async () => application.storage.upload('files/0', 'other content')],
  ])('requests a new link once the file was %s', async (_, change) => {
    const fileId = fileIdAt(0);
    await application.storage.getDownloadUrl(fileId);
    await change(fileId);
    await application.storage.getDownloadUrl(fileId).catch(() => '');
    expect(count('download-links')).toBe(2);
  });

  it('requests a new link for another life', async () => {
    const fileId = fileIdAt(0);
    await application.storage.getDownloadUrl(fileId, { maxAgeSeconds: 60 });
    await application.storage.getDownloadUrl(fileId, { maxAgeSeconds: 61 });
    expect(count('download-links')).toBe(2);
  });

  it('does not cache a failure', async () => {
    const { storage } = application;
    const absent = `${fileIdAt(0)}-absent`;
    await expect(storage.getDownloadUrl(absent)).rejects.toThrow('There is no file');
    await storage.upload(absent.replace(/^cloud:\/\/[^/]+\//, ''), 'here now');
    expect(await read(await storage.getDownloadUrl(absent))).toBe('here now');
  });

  it('requests a link every time without the cache', async () => {
    const other = await startApplication({ options: { links: { cache: false } } });
    const { fileId } = await other.storage.upload('a', 'x');
    await other.storage.getDownloadUrl(fileId);
    await other.storage.getDownloadUrl(fileId);
    const asked = other.emulator.journal.filter(({ operation }) => operation === 'download-links');
    expect(asked).toHaveLength(2);
    await other.close();
  });
});

describe('concurrent delete calls', () => {
  it('send one request for 50 files, of which an invalid one fails alone', async () => {
    const { storage, emulator } = application;
    emulator.faults.add({
      operation: 'delete-files',
      effect: { kind: 'item', status: -503002, errmsg: 'no permission', index: 7 },
    });
    const wanted = fileIds.slice(0, 50);
    const settled = await Promise.allSettled(wanted.map(id => storage.delete(id)));
    expect(count('delete-files')).toBe(1);
    expect(settled.findIndex(({ status }) => status === 'rejected')).toBe(7);
    expect(emulator.objects).toHaveLength(11);
  });

  it('share a request over several turns with a batch window', async () => {
    const other = await startApplication({ options: { links: { batchWindowMs: 100 } } });
    const [a, b] = [await other.storage.upload('a', 'x'), await other.storage.upload('b', 'x')];
    const first = other.storage.delete(a.fileId);
    await new Promise(resolve => setTimeout(resolve, 10));
    await Promise.all([first, other.storage.delete(b.fileId)]);
    const asked = other.emulator.journal.filter(({ operation }) => operation === 'delete-files');
    expect(asked).toHaveLength(1);
    await other.close();
  });
});
