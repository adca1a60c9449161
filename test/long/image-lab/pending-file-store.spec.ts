import { afterEach, describe, expect, it } from '@jest/globals';
import type { PendingFileStore } from '../../../lib/index.js';
import { pendingFileStoreContract } from '../../../lib/testing/index.js';
import { importSample } from '../../support/sample-process.js';

interface MemoryStore extends PendingFileStore {
  readonly size: number;
  makeDue(): void;
}

const { MemoryPendingFileStore } = await importSample<{
  MemoryPendingFileStore: new () => MemoryStore;
}>('cloud/memory-pending-file-store.js');

describe('the pending files of the image lab', () => {
  const stores: MemoryStore[] = [];
  const createStore = (): MemoryStore => {
    const store = new MemoryPendingFileStore();
    stores.push(store);
    return store;
  };

  afterEach(() => {
    stores.length = 0;
  });

  it.each(pendingFileStoreContract(createStore))('$name', async ({ run }) => {
    await run();

    expect(stores.map(({ size }) => size)).toEqual([0]);
  });

  it('are 10,000 at most', async () => {
    const store = createStore();
    const toFile = (_: unknown, index: number) => ({
      fileId: `cloud://lab.bucket/${index}`,
      reason: 'upload' as const,
      dueInMs: 0,
    });
    const files = Array.from({ length: 10_001 }, toFile);

    await expect(store.add(files)).rejects.toThrow('Too many files are pending.');
    expect(store.size).toBe(0);
    await store.add(files.slice(1));
    await expect(store.add(files.slice(0, 1))).rejects.toThrow('Too many files are pending.');
    expect(store.size).toBe(10_000);
    // Known files take no more room.
    await expect(store.add(files.slice(1))).resolves.toEqual([]);
  });

  it('become due at once for the last sweep, but for those of running uploads', async () => {
    const store = createStore();
    const reasons = ['form', 'orphan', 'upload'] as const;
    await store.add(
      reasons.map(reason => ({ fileId: `cloud://lab.b/${reason}`, reason, dueInMs: 60_000 })),
    );
    const claim = { limit: 10, leaseMs: 60_000 };
    expect(await store.claim({ ...claim, owner: 'before' })).toEqual([]);

    store.makeDue();

    const claimed = await store.claim({ ...claim, owner: 'after' });
    expect(claimed.map(({ reason }) => reason)).toEqual(['form', 'orphan']);
    store.makeDue();
    expect(await store.claim({ ...claim, owner: 'later' })).toEqual(claimed);
  });
});
