import { describe, expect, it } from '@jest/globals';
import { accessTokenStoreContract } from '../../../lib/testing/index.js';
import { MemoryAccessTokenStore } from '../../support/memory-access-token-store.js';

const stores = new Map<string, MemoryAccessTokenStore>();

function storeOf(name: string): MemoryAccessTokenStore {
  const store = stores.get(name) ?? new MemoryAccessTokenStore();
  stores.set(name, store);
  return store;
}

describe('accessTokenStoreContract, with a store in memory', () => {
  it.each(accessTokenStoreContract(storeOf, { isShared: true }))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('accessTokenStoreContract', () => {
  it('has no two cases of one name', () => {
    const names = accessTokenStoreContract(storeOf, { isShared: true }).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has cases for several stores of one name only on request', () => {
    const names = accessTokenStoreContract(storeOf).map(({ name }) => name);
    expect(names).not.toContainEqual(expect.stringContaining('a store of the same name'));
  });

  it('fails with the error of a store that cannot be opened', async () => {
    const [first] = accessTokenStoreContract(() => Promise.reject(new Error('not available')));
    await expect(first?.run()).rejects.toThrow('not available');
  });
});
