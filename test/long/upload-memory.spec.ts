import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request, type ClientRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import { ADAPTERS } from '../support/adapters.js';
import { until } from '../support/until.js';
import { startUploadApplication, type UploadApplication } from '../support/upload-application.js';

const MIB = 1024 * 1024;
const BLOCK = randomBytes(MIB);
const FORM_HEAD = Buffer.from(
  '--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n',
);
const FORM_TAIL = Buffer.from('\r\n--xyz--\r\n');

/** No two blocks are the same, so that a block lost or doubled would show. */
function* blocks(count: number): Generator<Buffer> {
  for (let index = 0; index < count; index += 1) {
    const block = Buffer.from(BLOCK);
    block.writeUInt32BE(index);
    yield block;
  }
}

function* wholeForm(count: number): Generator<Buffer> {
  yield FORM_HEAD;
  yield* blocks(count);
  yield FORM_TAIL;
}

interface StoredResponse {
  readonly size: number;
  readonly cloudPath: string;
}

describe.each(ADAPTERS)('the memory of uploads on $name', ({ name: adapter }) => {
  let dataDir: string;
  let spoolDirectory: string;
  let emulator: WxCloudEmulator;
  let application: UploadApplication;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'wx-cloud-memory-'));
    spoolDirectory = await mkdtemp(join(tmpdir(), 'wx-cloud-spool-'));
    emulator = await startWxCloudEmulator({ dataDir });
    const upload = { spoolDirectory, memoryLimitBytes: 8 * MIB };
    application = await startUploadApplication({
      adapter,
      // So many connections at once may each wait for long, on a machine that is busy otherwise.
      options: { ...emulator.options, upload, timeouts: { idleMs: 300_000 } },
    });
  });

  afterEach(async () => {
    await application.close();
    await emulator.close();
    await rm(dataDir, { recursive: true });
    await rm(spoolDirectory, { recursive: true });
  });

  const openUpload = (): { outgoing: ClientRequest; answered: Promise<StoredResponse> } => {
    const outgoing = request(`${application.url}/upload`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=xyz' },
      // A new connection: a busy server may close a kept one before it sees the request.
      agent: false,
    });
    const answered = once(outgoing, 'response').then(([response]) => json(response as Readable));
    return { outgoing, answered: answered as Promise<StoredResponse> };
  };

  const uploadMebibytes = async (count: number): Promise<StoredResponse> => {
    const { outgoing, answered } = openUpload();
    await pipeline(Readable.from(wholeForm(count)), outgoing);
    return answered;
  };

  it('grows by less than 64 MiB for a file of 300 MiB', async () => {
    await uploadMebibytes(9);
    await application.readPeakBytes();
    const before = await application.readPeakBytes();

    const { size, cloudPath } = await uploadMebibytes(300);
    const grownBytes = (await application.readPeakBytes()) - before;

    expect(size).toBe(300 * MIB);
    const expected = createHash('sha256');
    for (const block of blocks(300)) expected.update(block);
    const found = createHash('sha256').update(await emulator.readObject(cloudPath));
    expect(found.digest('hex')).toBe(expected.digest('hex'));
    expect(grownBytes).toBeLessThan(64 * MIB);
  });

  it('stays within the budget for 200 concurrent files of 5 MB, the rest goes to disk', async () => {
    const COUNT = 200;
    await uploadMebibytes(9);
    await application.readPeakBytes();
    const before = await application.readPeakBytes();

    const uploads = Array.from({ length: COUNT }, openUpload);
    for (const { outgoing } of uploads) {
      outgoing.write(FORM_HEAD);
      for (const block of blocks(5)) outgoing.write(block);
    }
    // All are there but for their ends, so none can have been sent on. A budget of 64 MiB holds
    // twelve whole ones.
    await until(
      async () => (await application.countOpenFiles(spoolDirectory)) >= COUNT - 12,
      'temporary files of all but twelve',
      120,
    );
    await Promise.all(
      uploads.map(({ outgoing }) => {
        outgoing.end(FORM_TAIL);
        return finished(outgoing, { readable: false });
      }),
    );
    const responses = await Promise.all(uploads.map(({ answered }) => answered));
    const grownBytes = (await application.readPeakBytes()) - before;

    expect(new Set(responses.map(({ size }) => size))).toEqual(new Set([5 * MIB]));
    expect(emulator.objects).toHaveLength(COUNT + 1);
    // The budget, and what the streams and buffers of so many connections take.
    expect(grownBytes).toBeLessThan(256 * MIB);
    expect(await application.countOpenFiles(spoolDirectory)).toBe(0);
    expect(await readdir(spoolDirectory)).toEqual([]);
  }, 240_000);
});
