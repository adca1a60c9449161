import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { WxCloudEmulatorFault, WxCloudEmulatorObject } from '../../lib/emulator/index.js';
import { WxCloudStorageError } from '../../lib/index.js';
import {
  errorsOf,
  settle,
  startFaultApplication,
  type FaultApplication,
  type Settled,
} from '../support/fault-application.js';
import { BUCKET_FAULTS, FAULTS } from '../support/faults.js';
import { pngOfSize } from '../support/forms.js';
import { BUCKET } from '../support/ways.js';

const CONTENT = pngOfSize(150_000);
/** More than one part. */
const IN_PARTS = pngOfSize(1_200_000);
let application: FaultApplication;

describe('the service under every fault', () => {
  beforeEach(async () => {
    application = await startFaultApplication();
  });

  it.each(FAULTS)('uploads completely or leaves nothing — %s', async (_, fault) => {
    const { emulator, storage, expectNoSecret, expectNothingHeld } = application;
    emulator.faults.add(fault);

    const result = await settle(storage.upload('walk/a.png', Readable.from(inChunks())));

    expect(errorsOf(result).every(error => error instanceof WxCloudStorageError)).toBe(true);
    expect(emulator.objects.map(({ fileId }) => fileId)).toEqual(expectedIds(result));
    expect(emulator.objects.every(isWhole)).toBe(true);
    expectNoSecret(errorsOf(result), result, storage);
    await expectNothingHeld();
  });

  it.each(FAULTS)(
    'downloads completely or fails, and reports deletions correctly — %s',
    async (_, fault) => {
      const { emulator, storage, expectNoSecret, expectNothingHeld } = application;
      const { fileId } = await storage.upload('walk/b.png', CONTENT);
      emulator.faults.add(fault);

      const link = await settle(storage.getDownloadUrl(fileId));
      const content = await settle(storage.downloadBuffer(fileId));
      const stat = await settle(storage.stat(fileId));
      const deleted = await settle(storage.delete(fileId));

      expect(
        errorsOf(link, content, stat, deleted).every(error => error instanceof WxCloudStorageError),
      ).toBe(true);
      expect(isErrorOrContent(content)).toBe(true);
      expect(isErrorOrGone(deleted, fault)).toBe(true);
      expectNoSecret(errorsOf(link, content, stat, deleted), storage);
      await expectNothingHeld();
    },
  );
});

describe('the service with the option cos under every fault', () => {
  beforeEach(async () => {
    application = await startFaultApplication({ way: BUCKET });
  });

  it.each(BUCKET_FAULTS)('uploads completely or leaves nothing — %s', async (_, fault) => {
    const { emulator, storage, orphans, ...checks } = application;
    emulator.faults.add(fault);

    const results = [
      await settle(storage.upload('walk/put.png', Readable.from(inChunks()))),
      await settle(storage.upload('walk/parts.png', Readable.from(inChunks(IN_PARTS)))),
    ];

    const errors = errorsOf(...results);
    expect(errors.every(error => error instanceof WxCloudStorageError)).toBe(true);
    const stored = results.flatMap(storedBy);
    const present = emulator.objects.map(({ fileId }) => fileId);
    expect(stored.filter(fileId => !present.includes(fileId))).toEqual([]);
    expect([...stored, ...orphans]).toEqual(expect.arrayContaining(present));
    expect(emulator.objects.every(({ fileIdAlive }) => fileIdAlive)).toBe(true);
    expect(emulator.objects.map(({ size }) => size)).toEqual(present.map(sizeOf));
    checks.expectNoSecret(errors, results, storage);
    await checks.expectNoUnfinishedUpload();
    // A sweep is for the time after the failures, and needs the keys like everything else.
    emulator.faults.clear();
    const swept = await storage.sweepUnfinishedUploads({ olderThanSeconds: 0 });
    expect(swept > 0).toBe(isIdLost(fault));
    await checks.expectNothingHeld();
  });
});

const storedBy = (result: Settled<{ readonly fileId: string }>): string[] =>
  'value' in result ? [result.value.fileId] : [];
const sizeOf = (fileId: string): number =>
  (fileId.endsWith('put.png') ? CONTENT : IN_PARTS).byteLength;

/** Returns whether an upload was begun whose ID never arrived; only a sweep can find it. */
function isIdLost({ operation, effect }: WxCloudEmulatorFault): boolean {
  return operation === 'initiate-multipart-upload' && 'at' in effect && effect.at === 'answer';
}

async function* inChunks(content = CONTENT): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < content.byteLength; start += 50_000)
    yield content.subarray(start, start + 50_000);
}

/** A success has its object; a failure has none, unless it was reported as an orphan. */
function expectedIds(result: Settled<{ readonly fileId: string }>): string[] {
  const { emulator, orphans } = application;
  return 'value' in result
    ? [result.value.fileId]
    : emulator.objects.map(o => o.fileId).filter(id => orphans.includes(id));
}

function isWhole({ fileIdAlive, size }: WxCloudEmulatorObject): boolean {
  return fileIdAlive && size === CONTENT.byteLength;
}

function isErrorOrContent(result: Settled<Buffer>): boolean {
  return 'error' in result || CONTENT.equals(result.value);
}

/** A faked "no such file" is taken at its word; otherwise a deleted object is not there. */
function isErrorOrGone(result: Settled<void>, { effect }: WxCloudEmulatorFault): boolean {
  const isFaked = effect.kind === 'item' && effect.status === 1;
  return 'error' in result || isFaked || application.emulator.objects.length === 0;
}
