import { describe, expect, it } from '@jest/globals';
import { pendingFileStoreContract } from '../../../lib/testing/index.js';
import { MemoryPendingFileStore } from '../../support/memory-pending-file-store.js';

const stores = new Map<string, MemoryPendingFileStore>();

function storeOf(name: string): MemoryPendingFileStore {
  const store = stores.get(name) ?? new MemoryPendingFileStore();
  stores.set(name, store);
  return store;
}

describe('pendingFileStoreContract, with a store in memory', () => {
  it.each(pendingFileStoreContract(storeOf, { isShared: true }))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it('leaves no files', () => {
    expect([...stores.values()].flatMap(store => store.files)).toEqual([]);
  });
});

describe('pendingFileStoreContract', () => {
  const createStore = () => new MemoryPendingFileStore();

  it('has no two cases of one name', () => {
    const names = pendingFileStoreContract(createStore, { isShared: true }).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has cases for several stores of one name only on request', () => {
    const names = pendingFileStoreContract(createStore).map(({ name }) => name);
    expect(names).not.toContainEqual(expect.stringContaining('a store of the same name'));
  });

  it('opens stores only when a case runs', () => {
    const open = () => {
      throw new Error('not available');
    };
    expect(() => pendingFileStoreContract(open)).not.toThrow();
  });

  it('fails with the error of a store that cannot be opened', async () => {
    const [first] = pendingFileStoreContract(() => Promise.reject(new Error('not available')));
    await expect(first?.run()).rejects.toThrow('not available');
  });
});
