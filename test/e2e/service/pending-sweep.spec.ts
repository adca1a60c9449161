import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { WxCloudStorageModule, type WxCloudStorageOptions } from '../../../lib/index.js';
import { getWxCloudPendingFilesToken, InjectWxCloudPendingFiles } from '../../../lib/tokens.js';
import { WxCloudPendingFiles } from '../../../lib/wx-cloud-pending-files.js';
import { WxCloudStorageService } from '../../../lib/wx-cloud-storage.service.js';
import { afterThisTest } from '../../support/after-test.js';
import { FAST_RETRY } from '../../support/application.js';
import { ScriptedPendingStore } from '../../support/scripted-pending-store.js';

let emulator: WxCloudEmulator;
let store: ScriptedPendingStore;
beforeEach(async () => {
  emulator = await startWxCloudEmulator();
  store = new ScriptedPendingStore();
});
afterEach(() => emulator.close());

async function start(options: object = { pending: store }) {
  const given = { ...emulator.options, retry: FAST_RETRY, ...options } as WxCloudStorageOptions;
  const imports = [WxCloudStorageModule.forRoot(given)];
  const module = await Test.createTestingModule({ imports }).compile();
  afterThisTest(() => module.close());
  return {
    module,
    pending: module.get(WxCloudPendingFiles),
    storage: module.get(WxCloudStorageService),
  };
}

/** Stores files, and has the store give them out once. */
async function startWithFiles(count: number) {
  const parts = await start();
  const fileIds: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const { fileId } = await parts.storage.upload(`${index}.txt`, 'content');
    fileIds.push(fileId);
  }
  giveOut(fileIds);
  return { ...parts, fileIds };
}

/** Has the store give out files once, as many as are asked for. */
function giveOut(fileIds: readonly string[]): void {
  const left = [...fileIds];
  store.claimed = ({ limit }) =>
    left.splice(0, limit).map(fileId => ({ fileId, reason: 'upload' }));
}

const pathsAtCloud = (): readonly string[] =>
  emulator.objects.map(({ cloudPath }) => cloudPath).toSorted();

describe('sweep', () => {
  it('deletes what is not in use, and keeps the rest', async () => {
    const { pending, fileIds } = await startWithFiles(4);
    const isInUse = jest.fn(async (asked: readonly string[]) => asked.slice(2));
    await expect(pending.sweep({ isInUse })).resolves.toEqual({ deleted: 2, kept: 2, failed: 0 });
    expect(isInUse.mock.calls).toEqual([[fileIds]]);
    expect(pathsAtCloud()).toEqual(['2.txt', '3.txt']);
    expect(store.callsOf('done').flat().toSorted()).toEqual(fileIds.toSorted());
  });

  it('deletes everything with unchecked', async () => {
    const { pending } = await startWithFiles(2);
    await expect(pending.sweep({ unchecked: true })).resolves.toEqual({
      deleted: 2,
      kept: 0,
      failed: 0,
    });
    expect(pathsAtCloud()).toEqual([]);
  });

  it('counts files that do not exist as deleted', async () => {
    const { pending, storage, fileIds } = await startWithFiles(1);
    await storage.deleteMany(fileIds);
    await expect(pending.sweep({ unchecked: true })).resolves.toMatchObject({ deleted: 1 });
  });

  it('claims files of this environment, 100 at a time, up to the limit', async () => {
    const { pending } = await start();
    giveOut(Array.from({ length: 300 }, (_, index) => `cloud://other.bucket/${index}`));
    await pending.sweep({ unchecked: true, limit: 250, graceSeconds: 1.5 });
    const { env } = emulator;
    const usual = { env, owner: expect.any(String), leaseMs: 300_000, overdueMs: 1_500 };
    expect(store.claims).toEqual([
      { ...usual, limit: 100 },
      { ...usual, limit: 100 },
      { ...usual, limit: 50 },
    ]);
    expect(new Set(store.claims.map(({ owner }) => owner)).size).toBe(1);
  });

  it('deletes no foreign file, and none that is not a file ID', async () => {
    const { pending, storage } = await start();
    const isInUse = jest.fn(async () => []);
    await storage.upload('a', 'content');
    giveOut(['cloud://other.bucket/a', 'x', `cloud://${emulator.env}.other/a`]);
    await expect(pending.sweep({ isInUse })).resolves.toEqual({ deleted: 0, kept: 0, failed: 3 });
    expect(isInUse).not.toHaveBeenCalled();
    expect(store.callsOf('done')).toEqual([]);
    expect(pathsAtCloud()).toEqual(['a']);
  });

  it('leaves files to a later sweep that cannot be deleted, and claims no more then', async () => {
    const { pending, fileIds } = await startWithFiles(2);
    giveOut([...fileIds, ...Array.from({ length: 300 }, (_, index) => `${fileIds[0]}${index}`)]);
    const effect = { kind: 'status', status: 500 } as const;
    emulator.faults.add({ operation: 'delete-files', effect, times: Infinity });
    await expect(pending.sweep({ unchecked: true })).resolves.toEqual({
      deleted: 0,
      kept: 0,
      failed: 100,
    });
    expect(store.callsOf('done')).toEqual([]);
  });

  it('deletes nothing when isInUse fails, and rejects with its error', async () => {
    const { pending } = await startWithFiles(2);
    const error = new Error('no database');
    const isInUse = (): Promise<string[]> => Promise.reject(error);
    await expect(pending.sweep({ isInUse })).rejects.toBe(error);
    expect(pathsAtCloud()).toHaveLength(2);
    expect(store.callsOf('done')).toEqual([]);
  });

  it.each([[undefined], [null], ['all'], [[1]], [new Set()]])(
    'deletes nothing when isInUse returns %p',
    async result => {
      const { pending } = await startWithFiles(1);
      const isInUse = async () => result as never;
      await expect(pending.sweep({ isInUse })).rejects.toMatchObject({
        code: 'WX_CLOUD_ARGUMENT_INVALID',
      });
      expect(pathsAtCloud()).toHaveLength(1);
    },
  );

  it('ignores file IDs that were not asked for', async () => {
    const { pending } = await startWithFiles(1);
    const isInUse = async () => ['cloud://other.bucket/a'];
    await expect(pending.sweep({ isInUse })).resolves.toEqual({ deleted: 1, kept: 0, failed: 0 });
  });

  it('deletes nothing after its time is over', async () => {
    const { pending } = await startWithFiles(1);
    const realNow = Date.now;
    const isInUse = async () => {
      const skipped = jest.spyOn(Date, 'now').mockImplementation(() => realNow() + 241_000);
      afterThisTest(() => skipped.mockRestore());
      return [];
    };
    await expect(pending.sweep({ isInUse })).resolves.toEqual({ deleted: 0, kept: 0, failed: 1 });
    expect(pathsAtCloud()).toHaveLength(1);
  });

  it('ends with its signal, and with the application', async () => {
    const { pending, module } = await startWithFiles(1);
    const controller = new AbortController();
    const isInUse = (): Promise<string[]> => {
      controller.abort();
      return new Promise(() => {});
    };
    await expect(pending.sweep({ isInUse, signal: controller.signal })).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_ABORTED',
    });
    await module.close();
    await expect(pending.sweep({ unchecked: true })).rejects.toMatchObject({
      code: 'WX_CLOUD_STORAGE_CLOSED',
    });
  });

  it('says that the store has failed, without its text', async () => {
    const { pending } = await start();
    store.claimed = () => {
      throw new Error('password');
    };
    await expect(pending.sweep({ unchecked: true })).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
      retryable: true,
      message: expect.not.stringContaining('password'),
    });
  });

  it.each([
    [{}],
    [undefined],
    [{ isInUse: async () => [], unchecked: true }],
    [{ unchecked: false }],
    [{ isInUse: [] }],
    [{ unchecked: true, limit: 0 }],
    [{ unchecked: true, limit: 1.5 }],
    [{ unchecked: true, graceSeconds: -1 }],
    [{ unchecked: true, graceSeconds: '1' }],
  ])('refuses the options %p', async options => {
    const { pending } = await start();
    await expect(pending.sweep(options as never)).rejects.toMatchObject({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
    });
  });

  it('says what to set without a store', async () => {
    const { pending } = await start({});
    await expect(pending.sweep({ unchecked: true })).rejects.toMatchObject({
      code: 'WX_CLOUD_UNSUPPORTED',
      message: expect.stringContaining('Set the option pending'),
    });
  });
});

describe('getWxCloudPendingFilesToken', () => {
  it('is the class for the default instance, and a token for a named one', async () => {
    expect(getWxCloudPendingFilesToken()).toBe(WxCloudPendingFiles);
    @Injectable()
    class Sweeper {
      constructor(@InjectWxCloudPendingFiles('archive') readonly pending: WxCloudPendingFiles) {}
    }
    const options = { ...emulator.options, name: 'archive' };
    const imports = [WxCloudStorageModule.forRoot(options)];
    const module = await Test.createTestingModule({ imports, providers: [Sweeper] }).compile();
    afterThisTest(() => module.close());
    const { pending } = module.get(Sweeper);
    expect(pending).toBeInstanceOf(WxCloudPendingFiles);
    expect(module.get(getWxCloudPendingFilesToken('archive'))).toBe(pending);
  });
});

describe('the option pending', () => {
  it.each([[null], [1], ['redis'], [{}], [{ add: () => {} }]])('refuses %p', async pending => {
    await expect(start({ pending })).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      message: expect.stringContaining('pending'),
    });
  });
});
