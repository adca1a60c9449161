import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { NestFactory } from '@nestjs/core';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import {
  WxCloudStorageModule,
  type WxCloudUploadForm,
  type WxCloudStorageOptions,
} from '../../../lib/index.js';
import { afterThisTest } from '../../support/after-test.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { pngOfSize } from '../../support/forms.js';

const KEY = 'a-ticket-key-of-32-characters-ok';
const SMALL = { maxBytes: 1_000 };
const DELETED = { code: 'WX_CLOUD_FILE_TOO_LARGE', left: 0 };
const REFUSED = { code: 'WX_CLOUD_TICKET_REFUSED', left: 1 };

let emulator: WxCloudEmulator;
beforeEach(async () => {
  emulator = await startWxCloudEmulator();
});
afterEach(() => emulator.close());

async function start(options: object): Promise<TestApplication> {
  const cloud = { ...emulator.options, ...options } as WxCloudStorageOptions;
  const application = await startApplication({ options: cloud });
  afterThisTest(() => application.close());
  return application;
}

async function post({ url, fields }: WxCloudUploadForm, size: number): Promise<void> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('file', new Blob([new Uint8Array(pngOfSize(size))]));
  expect((await fetch(url, { method: 'POST', body: form })).status).toBe(204);
}

const keyless = () => ({
  appid: undefined,
  secret: undefined,
  auth: { type: 'open-api-service' },
  apiBaseUrl: emulator.sidecarUrl,
});

/** The log lines about tickets at startup. */
async function linesOf(options: object): Promise<readonly string[]> {
  const lines: string[] = [];
  const take = (message: unknown): void => void lines.push(String(message));
  const cloud = { ...emulator.options, ...options } as WxCloudStorageOptions;
  const context = await NestFactory.createApplicationContext(WxCloudStorageModule.forRoot(cloud), {
    logger: { log: take, warn: take, error: take },
  });
  await context.close();
  return lines.filter(line => line.includes('ticketKey'));
}

describe('the ticket of createUploadForm', () => {
  it.each<[string, string, readonly [object, object], typeof DELETED]>([
    ['is good', 'the same ticketKey', [{ ticketKey: KEY }, { ticketKey: KEY }], DELETED],
    ['is good', 'the same AppSecret', [{}, {}], DELETED],
    ['is refused', 'another ticketKey', [{ ticketKey: KEY }, { ticketKey: `${KEY}2` }], REFUSED],
    ['is refused', 'no ticketKey', [{ ticketKey: KEY }, {}], REFUSED],
  ])('of one process %s in another that has %s', async (_is, _what, [its, others], outcome) => {
    const first = await start(its);
    const second = await start(others);
    const form = await first.storage.createUploadForm('a/');
    await post(form, 1_001);
    const { fileId, ticket } = form;
    await expect(second.storage.confirmUpload(fileId, { ...SMALL, ticket })).rejects.toMatchObject({
      code: outcome.code,
    });
    expect(emulator.objects).toHaveLength(outcome.left);
  });

  it('shows nothing of its key', async () => {
    const { storage } = await start({ ticketKey: KEY });
    const { fileId, ticket } = await storage.createUploadForm('a/');
    const bad = `${String(ticket)}x`;
    const error: unknown = await storage
      .confirmUpload(fileId, { ticket: bad })
      .catch((e: unknown) => e);
    const shown = inspect([storage, error], { depth: Infinity, showHidden: true });
    expect(shown).toContain('WX_CLOUD_TICKET_REFUSED');
    expect([KEY, String(ticket), emulator.options.secret].filter(s => shown.includes(s))).toEqual(
      [],
    );
    expect(ticket).toMatch(/^[\w-]+$/);
  });

  it('does not allow the deletion of a file older than its form', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'upload-tickets-'));
    await emulator.close();
    emulator = await startWxCloudEmulator({ dataDir: folder });
    const before = await start({});
    const { fileId } = await before.storage.upload('users/2/a.png', pngOfSize(1_001));
    await emulator.close();
    await makeOlder(join(folder, emulator.bucket));
    emulator = await startWxCloudEmulator({ dataDir: folder });
    const { storage } = await start({});

    const form = await storage.createUploadForm('users/2/a.png');
    const { ticket } = form;
    const confirm = () => storage.confirmUpload(fileId, { ...SMALL, ticket });
    await expect(confirm()).rejects.toMatchObject({ code: 'WX_CLOUD_FILE_TOO_LARGE' });
    expect(emulator.objects).toHaveLength(1);
    await post(form, 1_002);
    await expect(confirm()).rejects.toMatchObject({ code: 'WX_CLOUD_FILE_TOO_LARGE' });
    expect(emulator.objects).toHaveLength(0);
    await rm(folder, { recursive: true });
  });
});

/** As if all objects had been stored a minute earlier. */
async function makeOlder(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter(one => one.endsWith('.json'))) {
    const record = JSON.parse(await readFile(join(folder, name), 'utf8')) as {
      object: { lastModifiedMs: number };
    };
    record.object.lastModifiedMs -= 60_000;
    await writeFile(join(folder, name), JSON.stringify(record));
  }
}

describe('createUploadForm without AppSecret and ticketKey', () => {
  it('returns no ticket, and a file that breaks a rule is kept', async () => {
    const { storage } = await start(keyless());
    const form = await storage.createUploadForm('a/');
    await post(form, 1_001);
    const { fileId, ticket } = form;
    expect(ticket).toBeUndefined();
    await expect(storage.confirmUpload(fileId, { ...SMALL, ticket })).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_TOO_LARGE',
    });
    await expect(storage.confirmUpload(fileId, { ticket })).resolves.toMatchObject({ size: 1_001 });
    expect(emulator.objects).toHaveLength(1);
  });

  it('causes a foreign ticket to be rejected', async () => {
    const other = await start({});
    const { storage } = await start(keyless());
    const { fileId, ticket } = await other.storage.createUploadForm('a/');
    await expect(storage.confirmUpload(fileId, { ticket })).rejects.toMatchObject({
      code: 'WX_CLOUD_TICKET_REFUSED',
    });
  });

  it('logs at startup that nothing will be deleted', async () => {
    expect(await linesOf(keyless())).toEqual([
      expect.stringMatching(/confirmUpload deletes nothing.+ticketKey/),
    ]);
    expect(await linesOf({ ...keyless(), ticketKey: KEY })).toEqual([]);
    expect(await linesOf({})).toEqual([]);
  });

  it('returns tickets with a ticketKey', async () => {
    const { storage } = await start({ ...keyless(), ticketKey: KEY });
    const form = await storage.createUploadForm('a/');
    await post(form, 1_001);
    const { fileId, ticket } = form;
    await expect(storage.confirmUpload(fileId, { ...SMALL, ticket })).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_TOO_LARGE',
    });
    expect(emulator.objects).toEqual([]);
  });
});
