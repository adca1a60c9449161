import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import { ADAPTERS } from '../support/adapters.js';
import { pngOfSize, postForm, type JsonResponse } from '../support/forms.js';
import { startUploadApplication, type UploadApplication } from '../support/upload-application.js';

const NO_ROOM = {
  status: 507,
  body: {
    statusCode: 507,
    error: 'Insufficient Storage',
    errorCode: 'WX_CLOUD_SPOOL_FAILED',
    message: 'The server has no space for the upload.',
  },
};

describe.each(ADAPTERS)('the spool folder on $name', ({ name: adapter }) => {
  let spoolDirectory: string;
  let emulator: WxCloudEmulator;
  let application: UploadApplication;

  beforeAll(async () => {
    spoolDirectory = await mkdtemp(join(tmpdir(), 'wx-cloud-spool-'));
    emulator = await startWxCloudEmulator();
    application = await startUploadApplication({
      adapter,
      options: { ...emulator.options, upload: { spoolDirectory, memoryLimitBytes: 65_536 } },
      // 1 MiB: what a full disk does, without the disk.
      fileBlocks: 2_048,
    });
  });

  afterEach(() => emulator.reset());

  afterAll(async () => {
    await application.close();
    await emulator.close();
    await rm(spoolDirectory, { recursive: true, force: true });
  });

  const upload = (...sizes: number[]): Promise<JsonResponse> =>
    postForm(
      `${application.url}/upload`,
      sizes.map(size => ({ field: 'file', file: pngOfSize(size) })),
    );

  it('causes a 507 without room, leaves nothing, and serves the next upload', async () => {
    expect(await upload(3_000_000)).toEqual(NO_ROOM);
    expect(emulator.objects).toEqual([]);
    expect(await application.countOpenFiles(spoolDirectory)).toBe(0);
    expect(await readdir(spoolDirectory)).toEqual([]);

    expect(await upload(500_000)).toMatchObject({ status: 201, body: { size: 500_000 } });
    expect(emulator.objects).toHaveLength(1);
    // Nothing but the line of the one that was refused.
    expect(application.readErrorOutput().trimEnd().split('\n')).toEqual([
      expect.stringContaining('POST /upload: 507 WX_CLOUD_SPOOL_FAILED: '),
    ]);
  });

  it('causes a 507 when it is missing, unless the upload stays in memory', async () => {
    await rm(spoolDirectory, { recursive: true });

    expect(await upload(100_000)).toEqual(NO_ROOM);
    expect(await upload(50_000)).toMatchObject({ status: 201 });
    expect(emulator.objects).toHaveLength(1);
  });
});
