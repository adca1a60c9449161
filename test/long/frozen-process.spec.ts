import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import { ADAPTERS } from '../support/adapters.js';
import { pngOfSize } from '../support/forms.js';
import { startUploadApplication, type UploadApplication } from '../support/upload-application.js';
import { until } from '../support/until.js';
import { encodeForm, openRequest, type RawRequest } from '../e2e/http/support/raw-request.js';

const IDLE_MS = 500;
/** Longer than a client may be silent, also twice. */
const FROZEN_MS = 3 * IDLE_MS;
const FORM = encodeForm([
  { field: 'file', content: pngOfSize(400_000), fileName: 'a.png' },
  { field: 'title', content: 'a title' },
]);

describe.each(ADAPTERS)('a suspended process on $name', ({ name: adapter }) => {
  let spoolDirectory: string;
  let emulator: WxCloudEmulator;
  let application: UploadApplication;
  beforeEach(async () => {
    spoolDirectory = await mkdtemp(join(tmpdir(), 'wx-cloud-spool-'));
    emulator = await startWxCloudEmulator();
    application = await startUploadApplication({
      adapter,
      options: {
        ...emulator.options,
        timeouts: { idleMs: IDLE_MS },
        upload: { spoolDirectory, memoryLimitBytes: 65_536 },
      },
    });
  });
  afterEach(async () => {
    application.thaw();
    await application.close();
    await emulator.close();
    await rm(spoolDirectory, { recursive: true, force: true });
  });

  /**
   * Freezes the application as soon as the part before `from` has come: the file is being kept, or
   * stored already.
   */
  const openAndFreeze = async (from: number): Promise<RawRequest> => {
    const request = openRequest(application.url, { path: '/upload', length: FORM.byteLength });
    request.send(FORM.subarray(0, from));
    const hasCome = async (): Promise<boolean> =>
      emulator.objects.length === 1 || (await application.countOpenFiles(spoolDirectory)) === 1;
    await until(hasCome, 'the file');
    await application.freeze();
    return request;
  };

  it.each([
    ['a file', 200_000],
    ['a text', FORM.byteLength - 30],
  ])('reads in %s what has arrived meanwhile', async (_, from) => {
    const request = await openAndFreeze(from);
    request.send(FORM.subarray(from));
    await delay(FROZEN_MS);
    application.thaw();

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    expect(emulator.objects).toHaveLength(1);
  });

  it('ends the request of a client that stays silent', async () => {
    const request = await openAndFreeze(200_000);
    await delay(FROZEN_MS);
    application.thaw();

    expect(await request.response).toMatch(/^HTTP\/1\.1 408 /);
    expect(emulator.objects).toEqual([]);
  });
});
