import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { until } from '../../support/until.js';
import {
  deleteFiles,
  fetchDownloadItem,
  fetchLink,
  fieldsOf,
  postForm,
  store,
} from './support/cloud-client.js';
import { outcomeOf, send } from './support/raw-http.js';

let folder: string;
let dataDir: string;
let emulator: WxCloudEmulator;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wx-cloud-emulator-'));
  dataDir = join(folder, 'not', 'yet', 'there');
  emulator = await startWxCloudEmulator({ dataDir });
});
afterEach(async () => {
  await emulator.close();
  await rm(folder, { recursive: true });
});

const HOSTILE = [
  'a/…/b',
  'CON',
  'a:b*c?.png',
  '%2e%2e%2f',
  '..a\\..\\b',
  '汉'.repeat(94),
  'a'.repeat(850),
];

const filesOf = async (): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter(entry => entry.isFile()).map(({ name }) => name);
};

async function restart(): Promise<void> {
  await emulator.close();
  emulator = await startWxCloudEmulator({ dataDir });
}

async function download(fileId: string): Promise<Buffer> {
  const { download_url: url } = await fetchDownloadItem(emulator, fileId);
  return (await send(String(url))).body;
}

describe('objects in dataDir', () => {
  it('survive a restart, with all that is known of them', async () => {
    const content = randomBytes(700_000);
    const link = await fetchLink(emulator, '数字/a.png');
    const parts = [...fieldsOf(link), ['Content-Type', 'image/png'], ['file', content]] as const;
    await postForm(link.url, parts);
    const dead = await fetchLink(emulator, 'dead');
    await postForm(dead.url, [...fieldsOf(dead).slice(0, 3), ['file', 'x']]);
    const before = emulator.objects;
    await restart();
    expect(emulator.objects).toHaveLength(2);
    expect(emulator.objects).toEqual(expect.arrayContaining([...before]));
    expect((await download(link.file_id)).equals(content)).toBe(true);
    expect(await fetchDownloadItem(emulator, dead.file_id)).toMatchObject({ status: 1 });
    expect(emulator.journal.map(({ operation }) => operation)).not.toContain('post-object');
  });

  it.each(HOSTILE)('have file names that are safe for the key %j', async path => {
    const fileId = await store(emulator, path, 'content');
    await restart();
    expect((await download(fileId)).toString()).toBe('content');
    expect(await filesOf()).toEqual([
      expect.stringMatching(/^[\da-f-]+\.(data|json)$/),
      expect.stringMatching(/^[\da-f-]+\.(data|json)$/),
    ]);
  });

  it('are gone from disk once deleted', async () => {
    await deleteFiles(emulator, [await store(emulator, 'a', 'x')]);
    expect(await filesOf()).toEqual([]);
  });

  it('leave no file behind when they are replaced, also by several at once', async () => {
    const uploads = Array.from({ length: 20 }, (_, index) =>
      store(emulator, 'a', `content ${index}`),
    );
    const [fileId = ''] = await Promise.all(uploads);
    expect(await filesOf()).toHaveLength(2);
    const content = await emulator.readObject('a');
    await restart();
    expect(await download(fileId)).toEqual(content);
  });

  it('can be read to their end while they are replaced', async () => {
    const content = randomBytes(8_000_000);
    const fileId = await store(emulator, 'a', content);
    const [read] = await Promise.all([download(fileId), store(emulator, 'a', 'new')]);
    expect([8_000_000, 3]).toContain(read.byteLength);
    expect((await emulator.readObject('a')).toString()).toBe('new');
  });

  it('are gone after a reset', async () => {
    await store(emulator, 'a', 'x');
    await emulator.reset();
    expect(emulator.objects).toEqual([]);
    expect(await filesOf()).toEqual([]);
  });

  it('belong to their bucket', async () => {
    await store(emulator, 'a', 'x');
    await emulator.close();
    emulator = await startWxCloudEmulator({ dataDir, env: 'other' });
    expect(emulator.objects).toEqual([]);
  });
});

describe('an upload that fails', () => {
  it.each([
    ['for a field after the file', ['file', 'x'], ['a', 'b']],
    ['for two files', ['file', 'x'], ['file', 'y']],
  ] as const)('%s leaves no file behind', async (_, first, second) => {
    const link = await fetchLink(emulator, 'a');
    expect((await postForm(link.url, [...fieldsOf(link), first, second])).status).toBe(400);
    expect(await filesOf()).toEqual([]);
  });

  it('as the client goes away leaves no file behind', async () => {
    const link = await fetchLink(emulator, 'a');
    const effect = { kind: 'reset', at: 'request', afterBytes: 500_000 } as const;
    emulator.faults.add({ operation: 'post-object', effect });
    const upload = postForm(link.url, [...fieldsOf(link), ['file', randomBytes(2_000_000)]]);
    expect(await outcomeOf(upload)).toMatch(/ECONNRESET|EPIPE/);
    await until(async () => (await filesOf()).length === 0);
    expect(emulator.objects).toEqual([]);
  });
});

describe('dataDir', () => {
  it('is cleared of what an earlier run left unfinished, and of nothing else', async () => {
    await store(emulator, 'a', 'x');
    const bucketFolder = join(dataDir, emulator.bucket);
    const name = '0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f';
    await writeFile(join(bucketFolder, `${name}.data`), 'half');
    await writeFile(join(bucketFolder, `${name}.tmp`), '{');
    await writeFile(join(bucketFolder, 'notes.txt'), 'mine');
    await restart();
    const names = await filesOf();
    expect(names).toHaveLength(3);
    expect(names).toContain('notes.txt');
    expect((await emulator.readObject('a')).toString()).toBe('x');
  });

  it('that is a file is refused with one line', async () => {
    await writeFile(join(folder, 'file'), '');
    const start = startWxCloudEmulator({ dataDir: join(folder, 'file') });
    await expect(start).rejects.toThrow(/^startWxCloudEmulator: dataDir cannot be used: .+$/);
  });
});
