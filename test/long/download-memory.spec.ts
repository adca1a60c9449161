import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { startApplication, type TestApplication } from '../support/application.js';
import { startUploadApplication, type UploadApplication } from '../support/upload-application.js';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const BLOCK = randomBytes(MIB);

/** No two blocks are the same, so that a block lost or doubled would show. */
function* blocks(): Generator<Buffer> {
  for (let index = 0; index < GIB / MIB; index += 1) {
    const block = Buffer.from(BLOCK);
    block.writeUInt32BE(index);
    yield block;
  }
}

let folder: string;
let emulator: WxCloudEmulator;
let application: UploadApplication;
let storing: TestApplication;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wx-cloud-download-'));
  emulator = await startWxCloudEmulator({ dataDir: join(folder, 'cloud') });
  application = await startUploadApplication({ options: emulator.options });
  storing = await startApplication({ options: emulator.options });
});
afterEach(async () => {
  await storing.close();
  await application.close();
  await emulator.close();
  await rm(folder, { recursive: true });
});

const ask = async (path: string, query: Record<string, string>): Promise<unknown> =>
  (await fetch(`${application.url}/${path}?${new URLSearchParams(query)}`)).json();

it('download reads 1 GiB over two broken connections with less than 64 MiB of memory', async () => {
  const body = Readable.from(blocks());
  const { fileId } = await storing.storage.upload('large.bin', body, { size: GIB });
  const { fileId: warmUp } = await storing.storage.upload('warm-up', BLOCK);
  await ask('hash', { fileId: warmUp });
  await application.readPeakBytes();
  const before = await application.readPeakBytes();
  const effect = { kind: 'reset', at: 'answer', afterBytes: 300 * MIB } as const;
  emulator.faults.add({ operation: 'get-object', effect, times: 2 });

  const response = await ask('hash', { fileId });
  const hashed = (await application.readPeakBytes()) - before;
  const localPath = join(folder, 'local.bin');
  await ask('save', { fileId, localPath });
  const saved = (await application.readPeakBytes()) - before;

  const expected = createHash('sha256');
  for (const block of blocks()) expected.update(block);
  expect(response).toEqual({ size: GIB, sha256: expected.digest('hex') });
  expect((await stat(localPath)).size).toBe(GIB);
  expect(Math.max(hashed, saved)).toBeLessThan(64 * MIB);
}, 240_000);
