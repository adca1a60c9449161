import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import { startUploadApplication, type UploadApplication } from '../support/upload-application.js';

const MIB = 1024 * 1024;
const BLOCK = randomBytes(MIB);

let dataDir: string;
let emulator: WxCloudEmulator;
let application: UploadApplication;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'wx-cloud-memory-'));
  emulator = await startWxCloudEmulator({ dataDir });
  application = await startUploadApplication(emulator);
});

afterEach(async () => {
  await application.close();
  await emulator.close();
  await rm(dataDir, { recursive: true });
});

/** No two blocks are the same, so that a block lost or doubled would show. */
function* blocks(count: number): Generator<Buffer> {
  for (let index = 0; index < count; index += 1) {
    const block = Buffer.from(BLOCK);
    block.writeUInt32BE(index);
    yield block;
  }
}

async function uploadMebibytes(count: number): Promise<{ size: number; cloudPath: string }> {
  const outgoing = request(`${application.url}/upload`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=xyz' },
  });
  const answered = once(outgoing, 'response') as Promise<[Readable]>;
  function* form(): Generator<Buffer> {
    yield Buffer.from(
      '--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n',
    );
    yield* blocks(count);
    yield Buffer.from('\r\n--xyz--\r\n');
  }
  await pipeline(Readable.from(form()), outgoing);
  return (await json((await answered)[0])) as { size: number; cloudPath: string };
}

async function readPeakBytes(): Promise<number> {
  const { peakBytes } = (await (await fetch(`${application.url}/memory`)).json()) as {
    peakBytes: number;
  };
  return peakBytes;
}

describe('an upload of 300 MiB', () => {
  it('arrives byte for byte while the application grows by less than 64 MiB', async () => {
    await uploadMebibytes(2);
    await readPeakBytes();
    const before = await readPeakBytes();

    const { size, cloudPath } = await uploadMebibytes(300);
    const grownBytes = (await readPeakBytes()) - before;

    expect(size).toBe(300 * MIB);
    const expected = createHash('sha256');
    for (const block of blocks(300)) expected.update(block);
    const found = createHash('sha256').update(await emulator.readObject(cloudPath));
    expect(found.digest('hex')).toBe(expected.digest('hex'));
    expect(grownBytes).toBeLessThan(64 * MIB);
  }, 120_000);
});
