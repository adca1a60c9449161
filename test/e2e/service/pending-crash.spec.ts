import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import {
  WxCloudPendingFiles,
  WxCloudStorageModule,
  WxCloudStorageService,
} from '../../../lib/index.js';
import { afterThisTest } from '../../support/after-test.js';
import { MemoryPendingFileStore } from '../../support/memory-pending-file-store.js';
import { until } from '../../support/until.js';

const MINUTE_MS = 60_000;
const UNIQUE = { uniquePath: true };

let emulator: WxCloudEmulator;
let store: MemoryPendingFileStore;
/** The clock of the store. */
let nowMs: number;
beforeEach(async () => {
  emulator = await startWxCloudEmulator();
  nowMs = 1_000_000;
  store = new MemoryPendingFileStore(() => nowMs);
});
afterEach(() => emulator.close());

/** A process of the application; all have one store. */
async function startProcess() {
  const imports = [WxCloudStorageModule.forRoot({ ...emulator.options, pending: store })];
  const module = await Test.createTestingModule({ imports }).compile();
  afterThisTest(() => module.close());
  return { storage: module.get(WxCloudStorageService), pending: module.get(WxCloudPendingFiles) };
}

const pathsAtCloud = (): readonly string[] => emulator.objects.map(({ cloudPath }) => cloudPath);

describe('a process that does not go on after an object was stored', () => {
  it('leaves a file that a sweep of another process deletes, and no other file', async () => {
    const frozen = await startProcess();
    const { storage, pending } = await startProcess();
    await storage.upload('answered.txt', 'content', UNIQUE);
    const effect = { kind: 'hang', at: 'answer' } as const;
    emulator.faults.add({ operation: 'post-object', effect });
    const caller = new AbortController();
    const { signal } = caller;
    const uploading = frozen.storage.upload('orphan.txt', 'content', { ...UNIQUE, signal });
    uploading.catch(() => {});
    await until(() => pathsAtCloud().includes('orphan.txt'));
    nowMs += 14 * MINUTE_MS;
    await expect(pending.sweep({ unchecked: true })).resolves.toMatchObject({ deleted: 0 });
    nowMs += 2 * MINUTE_MS;
    await expect(pending.sweep({ unchecked: true })).resolves.toMatchObject({ deleted: 1 });
    expect(pathsAtCloud()).toEqual(['answered.txt']);
    expect(store.files).toEqual([]);
    caller.abort();
    await expect(uploading).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
  });
});
