import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
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
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wx-cloud-emulator-'));
  dataDir = join(folder, 'not', 'yet', 'there');
  emulator = await startWxCloudEmulator({ dataDir });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
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

describe('startWxCloudEmulator with dataDir', () => {
  it('keeps objects with their metadata over a restart', async () => {
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

  it.each(HOSTILE)('uses a safe file name for the key %j', async path => {
    const fileId = await store(emulator, path, 'content');
    await restart();
    expect((await download(fileId)).toString()).toBe('content');
    expect(await filesOf()).toEqual([
      expect.stringMatching(/^[\da-f-]+\.(data|json)$/),
      expect.stringMatching(/^[\da-f-]+\.(data|json)$/),
    ]);
  });

  it('deletes the files of a deleted object', async () => {
    await deleteFiles(emulator, [await store(emulator, 'a', 'x')]);
    expect(await filesOf()).toEqual([]);
  });

  it('leaves no file of a replaced object, even with concurrent uploads', async () => {
    const uploads = Array.from({ length: 20 }, (_, index) =>
      store(emulator, 'a', `content ${index}`),
    );
    const [fileId = ''] = await Promise.all(uploads);
    expect(await filesOf()).toHaveLength(2);
    const content = await emulator.readObject('a');
    await restart();
    expect(await download(fileId)).toEqual(content);
  });

  it('reads an object to its end while it is replaced', async () => {
    const content = randomBytes(8_000_000);
    const fileId = await store(emulator, 'a', content);
    const [read] = await Promise.all([download(fileId), store(emulator, 'a', 'new')]);
    expect([8_000_000, 3]).toContain(read.byteLength);
    expect((await emulator.readObject('a')).toString()).toBe('new');
  });

  it('deletes the files on reset', async () => {
    await store(emulator, 'a', 'x');
    await emulator.reset();
    expect(emulator.objects).toEqual([]);
    expect(await filesOf()).toEqual([]);
  });

  it('keeps objects apart by bucket', async () => {
    await store(emulator, 'a', 'x');
    await emulator.close();
    emulator = await startWxCloudEmulator({ dataDir, env: 'other' });
    expect(emulator.objects).toEqual([]);
  });
});

describe('a failed upload with dataDir', () => {
  it.each([
    ['for a field after the file', ['file', 'x'], ['a', 'b']],
    ['for two files', ['file', 'x'], ['file', 'y']],
  ] as const)('leaves no file: %s', async (_, first, second) => {
    const link = await fetchLink(emulator, 'a');
    expect((await postForm(link.url, [...fieldsOf(link), first, second])).status).toBe(400);
    expect(await filesOf()).toEqual([]);
  });

  it('leaves no file when the client leaves', async () => {
    const link = await fetchLink(emulator, 'a');
    const effect = { kind: 'reset', at: 'request', afterBytes: 500_000 } as const;
    emulator.faults.add({ operation: 'post-object', effect });
    const upload = postForm(link.url, [...fieldsOf(link), ['file', randomBytes(2_000_000)]]);
    expect(await outcomeOf(upload)).toMatch(/ECONNRESET|EPIPE/);
    await until(async () => (await filesOf()).length === 0);
    expect(emulator.objects).toEqual([]);
  });
});

describe('the folder of dataDir', () => {
  it('loses only the unfinished files of an earlier run', async () => {
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

  it('is rejected with one line when it is a file', async () => {
    await writeFile(join(folder, 'file'), '');
    const start = startWxCloudEmulator({ dataDir: join(folder, 'file') });
    await expect(start).rejects.toThrow(/^startWxCloudEmulator: dataDir cannot be used: .+$/);
  });
});

/** Starts an emulator in a process of its own, on the test's folder. */
async function startElsewhere(): Promise<ChildProcess> {
  const program = `
    const { startWxCloudEmulator } = await import('nestjs-wx-cloud-storage/emulator');
    await startWxCloudEmulator({ dataDir: process.argv[1] });
    process.stdout.write('started');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program, '--', dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout as Readable, 'data');
  return child;
}

describe('two emulators with dataDir', () => {
  const refusal =
    /^startWxCloudEmulator: dataDir cannot be used: another emulator uses it \(process \d+\)\. .+ delete .+\.lock\.$/;

  it('cannot share a folder: the second one does not start and changes nothing', async () => {
    const unfinished = join(dataDir, emulator.bucket, '0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f.data');
    await writeFile(unfinished, 'half');
    await expect(startWxCloudEmulator({ dataDir })).rejects.toThrow(refusal);
    expect(await filesOf()).toEqual([basename(unfinished)]);
    await store(emulator, 'a', 'x');
    await restart();
    expect((await emulator.readObject('a')).toString()).toBe('x');
  });

  it('cannot share a folder from two processes until the first one has ended in any way', async () => {
    await emulator.close();
    const child = await startElsewhere();
    await expect(startWxCloudEmulator({ dataDir })).rejects.toThrow(refusal);
    child.kill('SIGKILL');
    await once(child, 'exit');
    emulator = await startWxCloudEmulator({ dataDir });
    await restart();
  });

  it('can use a folder after a failed start', async () => {
    const other = await startWxCloudEmulator();
    const port = Number(new URL(other.url).port);
    await emulator.close();
    await expect(startWxCloudEmulator({ dataDir, port })).rejects.toThrow(/is in use/);
    await other.close();
    emulator = await startWxCloudEmulator({ dataDir });
    expect(await readdir(join(dataDir, emulator.bucket))).toHaveLength(1);
  });

  it('are told apart in a restarted container with equal process IDs', async () => {
    await emulator.close();
    const sign = `emulator-${process.pid}-1700000000000-${randomUUID()}.lock`;
    await mkdir(join(dataDir, emulator.bucket, sign));
    emulator = await startWxCloudEmulator({ dataDir });
    expect(await readdir(join(dataDir, emulator.bucket))).not.toContain(sign);
  });

  it('may share a folder with different buckets', async () => {
    const other = await startWxCloudEmulator({ dataDir, env: 'other' });
    await store(other, 'a', 'x');
    await other.close();
    expect([emulator.objects.length, other.objects.length]).toEqual([0, 1]);
  });
});

describe('the metadata in dataDir', () => {
  type Broken = (text: string) => string;
  const change =
    (members: object, ofObject: object = {}): Broken =>
    text => {
      const record = JSON.parse(text) as { object: object };
      return JSON.stringify({ ...record, ...members, object: { ...record.object, ...ofObject } });
    };
  const table: readonly (readonly [string, Broken])[] = [
    ['that is empty', () => ''],
    ['of white space', () => ' \n'],
    ['cut short', text => text.slice(0, 20)],
    ['that is null', () => 'null'],
    ['of a list', () => '[]'],
    ['of half a MiB', text => text + ' '.repeat(524_288)],
    ['that names a file outside', change({ contentFile: '../../../outside.txt' })],
    ['that names a file by its whole path', change({ contentFile: '/etc/hostname' })],
    ['that names itself', change({ contentFile: '.' })],
    ['that names no file', change({ contentFile: 7 })],
    ['that names a file that is not there', change({ contentFile: `${randomUUID()}.data` })],
    ['of another path', change({}, { cloudPath: 'b' })],
    ['of a path that leads out', change({}, { cloudPath: '../a' })],
    ['with another size', change({}, { size: 2 })],
    ['with a size below 0', change({}, { size: -1 })],
    ['with a type that is no header', change({}, { contentType: 'a\r\nX: y' })],
    ['with an ETag that is none', change({}, { etag: '"' })],
    ['without a time', change({}, { lastModifiedMs: 1e300 })],
    ['without a life', change({}, { fileIdAlive: 'yes' })],
  ];

  it.each(table)('loses only its own object and sets its files aside: %s', async (_, breakUp) => {
    await store(emulator, 'a', 'x');
    await store(emulator, 'kept', 'y');
    await emulator.close();
    await writeFile(join(folder, 'outside.txt'), 'x');
    const bucketFolder = join(dataDir, emulator.bucket);
    const [name = ''] = await metadataOf('a');
    await writeFile(
      join(bucketFolder, name),
      breakUp(await readFile(join(bucketFolder, name), 'utf8')),
    );
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue();
    emulator = await startWxCloudEmulator({ dataDir });
    const [[message] = []] = warn.mock.calls;
    warn.mockRestore();
    expect(message).toMatch(
      /^startWxCloudEmulator: 1 object\(s\) of dataDir could not be read .+broken\.$/s,
    );
    expect(message).toContain(name);
    expect(emulator.objects.map(({ cloudPath }) => cloudPath)).toEqual(['kept']);
    expect((await readdir(join(bucketFolder, 'broken'))).toSorted()).toEqual([
      expect.stringMatching(/\.(data|json)$/),
      expect.stringMatching(/\.(data|json)$/),
    ]);
    await emulator.reset();
    expect(await readFile(join(folder, 'outside.txt'), 'utf8')).toBe('x');
  });

  it('cannot give access to the content of another object', async () => {
    await store(emulator, 'a', 'x');
    await store(emulator, 'b', 'y');
    await emulator.close();
    const bucketFolder = join(dataDir, emulator.bucket);
    const files = [...(await metadataOf('a')), ...(await metadataOf('b'))];
    const [ofA, ofB] = files.map(name => join(bucketFolder, name));
    const { contentFile } = JSON.parse(await readFile(String(ofA), 'utf8')) as object & {
      contentFile: string;
    };
    const text = await readFile(String(ofB), 'utf8');
    await writeFile(String(ofB), change({ contentFile })(text));
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue();
    emulator = await startWxCloudEmulator({ dataDir });
    expect(warn.mock.calls).toEqual([[expect.stringContaining('belongs to another object')]]);
    warn.mockRestore();
    expect(emulator.objects).toHaveLength(1);
  });

  it('counts as broken when it leads to a symbolic link', async () => {
    await store(emulator, 'a', 'x');
    await emulator.close();
    const bucketFolder = join(dataDir, emulator.bucket);
    const [name] = (await readdir(bucketFolder)).filter(one => one.endsWith('.data'));
    const content = join(bucketFolder, String(name));
    await writeFile(join(folder, 'outside.txt'), 'y');
    await rm(content);
    await symlink(join(folder, 'outside.txt'), content);
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue();
    emulator = await startWxCloudEmulator({ dataDir });
    expect(warn.mock.calls).toEqual([[expect.stringContaining('the content is not a file')]]);
    warn.mockRestore();
    expect(emulator.objects).toEqual([]);
  });

  async function metadataOf(cloudPath: string): Promise<string[]> {
    const bucketFolder = join(dataDir, emulator.bucket);
    const names = (await readdir(bucketFolder)).filter(name => name.endsWith('.json'));
    const texts = await Promise.all(names.map(name => readFile(join(bucketFolder, name), 'utf8')));
    return names.filter((_, index) => texts[index]?.includes(`"cloudPath":"${cloudPath}"`));
  }
});
