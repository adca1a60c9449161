import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AccessTokenStore, PendingFileStore, WxAccessTokenLock } from '../../lib/index.js';
import {
  accessTokenStoreContract,
  pendingFileStoreContract,
  type WxCloudStoreContractCase,
} from '../../lib/testing/index.js';
import { MemoryAccessTokenStore } from '../support/memory-access-token-store.js';
import { MemoryPendingFileStore } from '../support/memory-pending-file-store.js';

const HOUR_MS = 3_600_000;

/** The methods of a store that break the contract, and use a right store for the rest. */
type Fault<Store, Base> = (base: Base) => Partial<Store>;

/** A fault for each case, by the name of the case. */
type Faults<Store, Base> = Readonly<Record<string, Fault<Store, Base>>>;

/** The waits of a case are in an environment of their own. */
const isWait = (fileId: string): boolean => fileId.includes('-wait.');

const settleWhatIsDone = (base: MemoryPendingFileStore): Partial<PendingFileStore> => ({
  done: async fileIds => void (await base.settle(fileIds)),
});
const forgetDone = (): Partial<PendingFileStore> => ({ done: async () => undefined });

const CLAIM_FAULTS: Faults<PendingFileStore, MemoryPendingFileStore> = {
  'claims nothing before a file was added': () => ({
    claim: async () => [{ fileId: 'cloud://env.bucket/a', reason: 'upload' }],
  }),
  'claims due files, each with the reason for which it was added': base => ({
    claim: async claim =>
      (await base.claim(claim)).map(({ fileId }) => ({ fileId, reason: 'upload' })),
  }),
  'claims no file before it is due': base => ({
    add: files => base.add(files.map(file => ({ ...file, dueInMs: 0 }))),
  }),
  'claims a file once it is due': base => ({
    add: files =>
      base.add(files.map(file => ({ ...file, dueInMs: isWait(file.fileId) ? 0 : HOUR_MS }))),
  }),
  'takes a due time before the arrival for due at once': base => ({
    add: files => base.add(files.filter(({ dueInMs }) => dueInMs >= 0)),
  }),
  'claims those files first that have been due for longest': base => ({
    add: files => base.add(files.map(file => ({ ...file, dueInMs: 50 - file.dueInMs }))),
  }),
  'claims no more files than the limit': base => ({
    claim: claim => base.claim({ ...claim, limit: Infinity }),
  }),
  'gives each file to one of eight concurrent claimants': base => ({
    claim: async claim => {
      const due = await base.claim({ ...claim, leaseMs: 0 });
      await sleep(1);
      await base.claim(claim);
      return due;
    },
  }),
  'gives a claimed file to nobody while its lease lasts': base => ({
    claim: claim => base.claim({ ...claim, leaseMs: 0 }),
  }),
  'makes a file due again for any owner when its lease ends': base => ({
    claim: claim => base.claim({ ...claim, leaseMs: HOUR_MS }),
  }),
  'claims files of the given environment only': base => ({
    claim: claim => base.claim({ ...claim, env: undefined }),
  }),
  'claims files of all environments if none is given': base => ({
    claim: async claim => (claim.env === undefined ? [] : base.claim(claim)),
  }),
  'claims only files that are overdue by overdueMs': base => ({
    claim: claim => base.claim({ ...claim, overdueMs: 0 }),
  }),
};

const ADD_FAULTS: Faults<PendingFileStore, MemoryPendingFileStore> = {
  'gives a known file the new reason and due time': base => {
    const known = new Set<string>();
    return {
      add: async files => {
        const added = files.filter(({ fileId }) => !known.has(fileId));
        for (const { fileId } of added) known.add(fileId);
        return base.add(added);
      },
    };
  },
  'leaves a claimed file as it is, returns it, and adds the others': base => ({
    add: async files => void (await base.add(files)),
  }),
  'adds a file whose lease has ended, which its late owner cannot remove': settleWhatIsDone,
  'does not take a file that was added again for a claimed one': base => {
    const claimed = new Set<string>();
    return {
      claim: async claim => {
        const files = await base.claim(claim);
        for (const { fileId } of files) claimed.add(fileId);
        return files;
      },
      add: async files => {
        const ahead = base.files.filter(({ dueInMs }) => dueInMs > 0).map(({ fileId }) => fileId);
        await base.add(files);
        return files
          .map(({ fileId }) => fileId)
          .filter(id => claimed.has(id) && ahead.includes(id));
      },
    };
  },
  'keeps a file once that is added twenty times at the same time': base => ({
    claim: async claim => (await base.claim(claim)).flatMap(file => [file, file]),
  }),
  'keeps 1,200 files of one call, and settles them in one': base => ({
    add: files => base.add(files.slice(0, 1_000)),
  }),
  'keeps file IDs as they are': base => ({
    add: files =>
      base.add(files.map(file => ({ ...file, fileId: file.fileId.replace('Case', 'case') }))),
  }),
  'accepts empty lists': base => ({
    settle: async fileIds => (fileIds.length === 0 ? ['nothing'] : base.settle(fileIds)),
  }),
};

const SETTLE_FAULTS: Faults<PendingFileStore, MemoryPendingFileStore> = {
  'settles files, and ignores unknown ones': base => ({
    settle: async fileIds => {
      const known = new Set(base.files.map(({ fileId }) => fileId));
      await base.settle(fileIds);
      return fileIds.filter(fileId => !known.has(fileId));
    },
  }),
  'settles a file that is not due yet': base => ({
    settle: fileIds => {
      const due = new Set(base.files.filter(file => file.dueInMs <= 0).map(file => file.fileId));
      return base.settle(fileIds.filter(fileId => due.has(fileId)));
    },
  }),
  'returns claimed files, keeps them claimed, and settles the others': base => ({
    settle: async fileIds => void (await base.settle(fileIds)),
  }),
  'settles a file whose lease has ended': base => ({
    settle: fileIds => {
      const owned = new Set(base.files.filter(file => file.owner).map(file => file.fileId));
      return base.settle(fileIds.filter(fileId => !owned.has(fileId)));
    },
  }),
  'either settles a file or lets it be claimed': base => ({
    settle: async fileIds => {
      const owned = new Set(base.files.filter(file => file.owner).map(file => file.fileId));
      await sleep(1);
      await base.settle(fileIds);
      return fileIds.filter(fileId => owned.has(fileId));
    },
  }),
};

const DONE_FAULTS: Faults<PendingFileStore, MemoryPendingFileStore> = {
  'removes files that are done for good': forgetDone,
  'adds a file that was done as a new one': forgetDone,
  'keeps a file that another owner holds': base => ({
    done: async fileIds => {
      for (const { fileId, owner } of base.files) {
        if (fileIds.includes(fileId)) await base.done([fileId], owner ?? '');
      }
    },
  }),
  'keeps a file whose lease has ended': settleWhatIsDone,
  'keeps a file that nobody has claimed': settleWhatIsDone,
};

const SET_FAULTS: Faults<AccessTokenStore, MemoryAccessTokenStore> = {
  'has no token before one is set': () => ({
    get: async () => ({ accessToken: 'token', expiresInMs: HOUR_MS }),
  }),
  'returns a token with its remaining lifetime': base => ({
    get: async key => {
      const { accessToken, expiresInMs } = Object(await base.get(key));
      return accessToken && { accessToken, expiresInMs: Date.now() + expiresInMs };
    },
  }),
  'counts the remaining lifetime down': base => ({
    get: async key => {
      const { accessToken } = Object(await base.get(key));
      return accessToken && { accessToken, expiresInMs: HOUR_MS };
    },
  }),
  'has no token once it has expired': base => ({
    set: (key, token, lock) => base.set(key, { ...token, expiresInMs: HOUR_MS }, lock),
  }),
  'keeps no token that has expired before it is set': base => ({
    set: async (key, token, lock) => token.expiresInMs < 1 || base.set(key, token, lock),
  }),
  'accepts fractions of milliseconds': base => ({
    set: async (key, token, lock) =>
      Number.isInteger(token.expiresInMs) && base.set(key, token, lock),
  }),
  'replaces a token': base => ({
    set: async (key, token, lock) =>
      (await base.get(key)) !== undefined || base.set(key, token, lock),
  }),
  'keeps a token of 512 characters as it is': base => ({
    set: (key, token, lock) =>
      base.set(key, { ...token, accessToken: token.accessToken.slice(0, 255) }, lock),
  }),
  'keeps the tokens of different keys apart': base => ({
    get: () => base.get('one'),
    set: (_key, token, lock) => base.set('one', token, lock),
  }),
};

const releaseOfNewest = (base: MemoryAccessTokenStore): Partial<AccessTokenStore> => {
  let newest: WxAccessTokenLock | undefined;
  return {
    lock: async (key, ttlMs) => {
      const lock = await base.lock(key, ttlMs);
      newest = lock ?? newest;
      return lock && { ...lock, release: async () => newest?.release() };
    },
  };
};

const LOCK_FAULTS: Faults<AccessTokenStore, MemoryAccessTokenStore> = {
  'grants a lock to one of fifty concurrent callers': base => {
    let count = 0;
    return { lock: (_key, ttlMs) => base.lock(`${(count += 1)}`, ttlMs) };
  },
  'grants the locks of different keys at the same time': base => ({
    lock: (_key, ttlMs) => base.lock('one', ttlMs),
  }),
  'grants a lock again once it is released, with a higher fence': base => ({
    lock: async (key, ttlMs) => {
      const lock = await base.lock(key, ttlMs);
      return lock && { ...lock, fence: 1 };
    },
  }),
  'grants a lock again once it has expired, with a higher fence': base => ({
    lock: key => base.lock(key, HOUR_MS),
  }),
  'does not release the lock of a later holder': releaseOfNewest,
  'tolerates a second release, which releases no other lock': releaseOfNewest,
  'refuses the token of a holder whose lock another one has taken': base => ({
    set: (key, token, lock) => base.set(key, token, { ...lock, fence: Infinity }),
  }),
  'refuses it even when the later lock has been released': base => {
    let isHeld = false;
    return {
      lock: async (key, ttlMs) => {
        const lock = await base.lock(key, ttlMs);
        isHeld ||= lock !== undefined;
        return lock && { ...lock, release: async () => void (isHeld = false) };
      },
      set: (key, token, { fence, release }) =>
        base.set(key, token, { fence: isHeld ? fence : Infinity, release }),
    };
  },
  'accepts the token of a holder that has released its lock, if no other was taken': base => ({
    set: async (key, token, lock) =>
      (await base.lock(key, HOUR_MS)) === undefined && base.set(key, token, lock),
  }),
};

function brokenPendingStore(fault: Fault<PendingFileStore, MemoryPendingFileStore>) {
  const base = new MemoryPendingFileStore();
  const right: PendingFileStore = {
    add: files => base.add(files),
    settle: fileIds => base.settle(fileIds),
    claim: claim => base.claim(claim),
    done: (fileIds, owner) => base.done(fileIds, owner),
  };
  return { ...right, ...fault(base) };
}

function brokenTokenStore(fault: Fault<AccessTokenStore, MemoryAccessTokenStore>) {
  const base = new MemoryAccessTokenStore();
  const right: AccessTokenStore = {
    get: key => base.get(key),
    set: (key, token, lock) => base.set(key, token, lock),
    lock: (key, ttlMs) => base.lock(key, ttlMs),
  };
  return { ...right, ...fault(base) };
}

function caseOf(cases: readonly WxCloudStoreContractCase[], name: string): Promise<void> {
  return Object(cases.find(one => one.name === name)).run();
}

describe('pendingFileStoreContract', () => {
  const faults = { ...CLAIM_FAULTS, ...ADD_FAULTS, ...SETTLE_FAULTS, ...DONE_FAULTS };

  it('has a broken store for each case', () => {
    const cases = pendingFileStoreContract(() => new MemoryPendingFileStore());
    expect(cases.map(({ name }) => name)).toEqual(Object.keys(faults));
  });

  it.each(Object.entries(faults))('fails for a store that breaks: %s', async (name, fault) => {
    const cases = pendingFileStoreContract(() => brokenPendingStore(fault));
    await expect(caseOf(cases, name)).rejects.toMatchObject({ code: 'ERR_ASSERTION' });
  });

  it.each([
    'claims what a store of the same name has added, of all environments',
    'shares files and claims with a store of the same name',
  ])('fails for stores of one name that share nothing: %s', async name => {
    const contract = { isShared: true };
    const cases = pendingFileStoreContract(() => new MemoryPendingFileStore(), contract);
    await expect(caseOf(cases, name)).rejects.toMatchObject({ code: 'ERR_ASSERTION' });
  });
});

describe('accessTokenStoreContract', () => {
  const faults = { ...SET_FAULTS, ...LOCK_FAULTS };

  it('has a broken store for each case', () => {
    const cases = accessTokenStoreContract(() => new MemoryAccessTokenStore());
    expect(cases.map(({ name }) => name)).toEqual(Object.keys(faults));
  });

  it.each(Object.entries(faults))('fails for a store that breaks: %s', async (name, fault) => {
    const cases = accessTokenStoreContract(() => brokenTokenStore(fault));
    await expect(caseOf(cases, name)).rejects.toMatchObject({ code: 'ERR_ASSERTION' });
  });

  it.each(['tokens', 'locks'])('fails for stores of one name that share no %s', async what => {
    const contract = { isShared: true };
    const cases = accessTokenStoreContract(() => new MemoryAccessTokenStore(), contract);
    const name = `shares ${what} with a store of the same name`;
    await expect(caseOf(cases, name)).rejects.toMatchObject({ code: 'ERR_ASSERTION' });
  });
});
