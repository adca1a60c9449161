import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { PendingFileStore } from '../pending/pending-file-store.js';
import type {
  CaseTable,
  WxCloudStoreContractCase,
  WxCloudStoreContractOptions,
  WxCloudStoreFactory,
} from './contract-case.js';
import { assertSame, HOUR_MS, listed, PendingKit, SHORT_MS } from './pending-kit.js';

/** Leases for work that has to be done before they end: the next one where a store is too slow. */
const LEASES_MS = [200, 1_000, 3_000];

/**
 * Creates the tests of a store of pending files, for any test runner. Each case calls `createStore`
 * with a name of its own, uses random environments, and removes its files at the end.
 * @example
 * ```ts
 * import { test } from 'node:test';
 * import { createClient } from 'redis';
 * import { redisPendingFileStore } from 'nestjs-wx-cloud-storage/redis';
 * import { pendingFileStoreContract } from 'nestjs-wx-cloud-storage/testing';
 *
 * const client = await createClient().connect();
 * const createStore = (name: string) => redisPendingFileStore(client, { prefix: `${name}:` });
 *
 * for (const { name, run } of pendingFileStoreContract(createStore, { isShared: true })) {
 *   test(name, run);
 * }
 * ```
 */
export function pendingFileStoreContract(
  createStore: WxCloudStoreFactory<PendingFileStore>,
  options: WxCloudStoreContractOptions = {},
): readonly WxCloudStoreContractCase[] {
  const cases = { ...CASES, ...(options.isShared === true ? SHARED_CASES : {}) };
  return Object.entries(cases).map(([name, test]) => ({
    name,
    run: async () => {
      const id = randomUUID();
      const openStore = async (): Promise<PendingFileStore> => createStore(`contract-${id}`);
      const kit = new PendingKit(await openStore(), `contract-${id}`, openStore);
      try {
        await test(kit);
      } finally {
        await kit.clear();
      }
    },
  }));
}

const CLAIM_CASES: CaseTable<PendingKit> = {
  'claims nothing before a file was added': async kit => {
    assert.deepEqual(await kit.claim('one'), []);
  },
  'claims due files, each with the reason for which it was added': async kit => {
    const reasons = ['upload', 'form', 'orphan'] as const;
    for (const reason of reasons) await kit.add([kit.id(reason)], { reason });
    const claimed = (await kit.claimFiles('one')).map(file => `${file.reason} ${file.fileId}`);
    const expected = reasons.map(reason => `${reason} ${kit.id(reason)}`);
    assertSame(claimed, expected, 'the claimed files');
  },
  'claims no file before it is due': async kit => {
    await kit.add([kit.id('a')], { dueInMs: HOUR_MS });
    assert.deepEqual(await kit.claim('one'), []);
  },
  'claims a file once it is due': async kit => {
    await kit.add([kit.id('a')], { dueInMs: SHORT_MS });
    await kit.wait(SHORT_MS);
    assert.deepEqual(await kit.claim('one'), [kit.id('a')]);
  },
  'takes a due time before the arrival for due at once': async kit => {
    await kit.add([kit.id('a')], { dueInMs: -1 });
    assert.deepEqual(await kit.claim('one'), [kit.id('a')]);
  },
  'claims those files first that have been due for longest': async kit => {
    const delays = { late: SHORT_MS, early: 0, middle: SHORT_MS / 2 };
    await kit.store.add(
      Object.entries(delays).map(([name, dueInMs]) => ({
        fileId: kit.id(name),
        reason: 'upload',
        dueInMs,
      })),
    );
    await kit.wait(SHORT_MS);
    const earlier = [kit.id('early'), kit.id('middle')];
    assertSame(await kit.claim('one', { limit: 2 }), earlier, 'the first claim');
    assert.deepEqual(await kit.claim('one', { limit: 2 }), [kit.id('late')]);
  },
  'claims no more files than the limit': async kit => {
    await kit.add(kit.ids(5));
    const claims = [await kit.claim('one', { limit: 3 }), await kit.claim('one', { limit: 3 })];
    assert.deepEqual(
      claims.map(({ length }) => length),
      [3, 2],
    );
    assertSame(claims.flat(), kit.ids(5), 'the claimed files');
  },
  'gives each file to one of eight concurrent claimants': async kit => {
    await kit.add(kit.ids(200));
    const claims = Array.from({ length: 8 }, async (_, index) => {
      const claimed: string[] = [];
      for (let round = 0; round < 10; round += 1) {
        claimed.push(...(await kit.claim(`claimant ${index}`, { limit: 10 })));
      }
      return claimed;
    });
    const claimed = (await Promise.all(claims)).flat();
    // A store may skip files that another claim is looking at.
    claimed.push(...(await kit.claim('last')));
    assertSame(claimed, kit.ids(200), 'the claimed files');
  },
  'gives a claimed file to nobody while its lease lasts': async kit => {
    await kit.add([kit.id('a')]);
    await kit.claim('one');
    assert.deepEqual(await kit.claim('one'), []);
    assert.deepEqual(await kit.claim('two'), []);
  },
  'makes a file due again for any owner when its lease ends': async kit => {
    await kit.claimForAMoment(kit.id('a'), 'one');
    assert.deepEqual(await kit.claim('two', { leaseMs: SHORT_MS }), [kit.id('a')]);
    await kit.wait(SHORT_MS);
    assert.deepEqual(await kit.claim('two'), [kit.id('a')]);
  },
  'claims files of the given environment only': async kit => {
    const other = `${kit.env}-other`;
    await kit.add([kit.id('a'), kit.id('a', other)]);
    assert.deepEqual(await kit.claim('one'), [kit.id('a')]);
    assert.deepEqual(await kit.claim('one', { env: other }), [kit.id('a', other)]);
  },
  'claims files of all environments if none is given': async kit => {
    const fileIds = [kit.id('a'), kit.id('a', `${kit.env}-other`)];
    await kit.add(fileIds);
    const claimed = await kit.claim('one', { env: undefined });
    const own = claimed.filter(fileId => fileIds.includes(fileId));
    assertSame(own, fileIds, 'the claimed files');
  },
  'claims only files that are overdue by overdueMs': async kit => {
    await kit.add([kit.id('a')]);
    assert.deepEqual(await kit.claim('one', { overdueMs: HOUR_MS }), []);
    await kit.wait(SHORT_MS);
    assert.deepEqual(await kit.claim('one', { overdueMs: SHORT_MS }), [kit.id('a')]);
  },
};

const ADD_CASES: CaseTable<PendingKit> = {
  'gives a known file the new reason and due time': async kit => {
    const fileId = kit.id('a');
    await kit.add([fileId]);
    await kit.add([fileId], { reason: 'form', dueInMs: HOUR_MS });
    assert.deepEqual(await kit.claim('one'), []);
    await kit.add([fileId], { reason: 'orphan' });
    assert.deepEqual(
      (await kit.claimFiles('one')).map(file => ({ ...file })),
      [{ fileId, reason: 'orphan' }],
    );
  },
  'leaves a claimed file as it is, returns it, and adds the others': async kit => {
    await kit.add([kit.id('a')]);
    await kit.claim('one');
    assert.deepEqual(await kit.add([kit.id('a'), kit.id('b')]), [kit.id('a')]);
    assert.deepEqual(await kit.claim('two'), [kit.id('b')]);
    await kit.store.done([kit.id('a')], 'one');
    assert.deepEqual(await kit.settle([kit.id('a')]), []);
  },
  'adds a file whose lease has ended, which its late owner cannot remove': async kit => {
    await kit.claimForAMoment(kit.id('a'), 'one');
    assert.deepEqual(await kit.add([kit.id('a')], { dueInMs: SHORT_MS }), []);
    await kit.store.done([kit.id('a')], 'one');
    await kit.wait(SHORT_MS);
    assert.deepEqual(await kit.claim('two'), [kit.id('a')]);
  },
  'does not take a file that was added again for a claimed one': async kit => {
    await kit.claimForAMoment(kit.id('a'), 'one');
    await kit.add([kit.id('a')], { dueInMs: HOUR_MS });
    assert.deepEqual(await kit.add([kit.id('a')]), []);
    assert.deepEqual(await kit.settle([kit.id('a')]), []);
  },
  'keeps a file once that is added twenty times at the same time': async kit => {
    const reasons = ['upload', 'form', 'orphan'] as const;
    const adding = Array.from({ length: 20 }, async (_, index) =>
      kit.add([kit.id('a')], { reason: reasons[index % 3] ?? 'upload' }),
    );
    await Promise.all(adding);
    assert.deepEqual(await kit.claim('one'), [kit.id('a')]);
  },
  'keeps 1,200 files of one call, and settles them in one': async kit => {
    const fileIds = kit.ids(1_200);
    await kit.add(fileIds);
    const first = await kit.claim('one', { limit: 700 });
    const rest = await kit.claim('two', { limit: 700 });
    assertSame([...first, ...rest], fileIds, 'the claimed files');
    await kit.store.done(first, 'one');
    assertSame(await kit.settle(fileIds), rest, 'the files that are claimed still');
    await kit.store.done(rest, 'two');
    await kit.add(fileIds);
    assert.deepEqual(await kit.settle(fileIds), []);
    assert.deepEqual(await kit.claim('one'), []);
  },
  'keeps file IDs as they are': async kit => {
    const names = [
      'Case',
      'case',
      'a b',
      'ä/文件.png',
      '😀',
      '%20',
      '\'"`$1{}[]*?\\',
      'a'.repeat(800),
    ];
    await kit.add(names.map(name => kit.id(name)));
    const expected = names.map(name => kit.id(name));
    assertSame(await kit.claim('one'), expected, 'the claimed files');
    assertSame(await kit.settle(expected), expected, 'the claimed files');
  },
  'accepts empty lists': async kit => {
    assert.deepEqual(await kit.add([]), []);
    assert.deepEqual(await kit.settle([]), []);
    await kit.store.done([], 'one');
  },
};

const SETTLE_CASES: CaseTable<PendingKit> = {
  'settles files, and ignores unknown ones': async kit => {
    await kit.add([kit.id('a'), kit.id('b')]);
    assert.deepEqual(await kit.settle([kit.id('a'), kit.id('unknown')]), []);
    assert.deepEqual(await kit.claim('one'), [kit.id('b')]);
  },
  'settles a file that is not due yet': async kit => {
    await kit.add([kit.id('a')], { dueInMs: SHORT_MS });
    assert.deepEqual(await kit.settle([kit.id('a')]), []);
    await kit.wait(SHORT_MS);
    assert.deepEqual(await kit.claim('one'), []);
  },
  'returns claimed files, keeps them claimed, and settles the others': async kit => {
    await kit.add([kit.id('a')]);
    await kit.claim('one');
    await kit.add([kit.id('b')]);
    assert.deepEqual(await kit.settle([kit.id('a'), kit.id('b')]), [kit.id('a')]);
    assert.deepEqual(await kit.claim('two'), []);
    assert.deepEqual(await kit.settle([kit.id('a')]), [kit.id('a')]);
  },
  'settles a file whose lease has ended': async kit => {
    await kit.claimForAMoment(kit.id('a'), 'one');
    assert.deepEqual(await kit.settle([kit.id('a')]), []);
    assert.deepEqual(await kit.claim('two'), []);
  },
  'either settles a file or lets it be claimed': async kit => {
    const fileIds = kit.ids(100);
    await kit.add(fileIds);
    const settling = fileIds.map(async fileId => kit.settle([fileId]));
    const claiming = fileIds.map(async (_, index) => kit.claim(`claimant ${index}`, { limit: 1 }));
    const [kept, claimed] = await Promise.all([Promise.all(settling), Promise.all(claiming)]);
    const later = await kit.claim('last');
    assert.deepEqual(later, [], 'a settled file is claimed later');
    const notSettled = kept.flat();
    const both = claimed.flat().filter(fileId => !notSettled.includes(fileId));
    assert.deepEqual(both, [], 'a file is claimed, and settle did not return it');
  },
};

const DONE_CASES: CaseTable<PendingKit> = {
  'removes files that are done for good': async kit => {
    for (const leaseMs of LEASES_MS) {
      const fileId = kit.id(`${leaseMs}`);
      await kit.add([fileId]);
      const startedAtMs = performance.now();
      assert.deepEqual(await kit.claim('one', { leaseMs }), [fileId]);
      await kit.store.done([fileId], 'one');
      if (performance.now() - startedAtMs > leaseMs) continue;
      await kit.wait(leaseMs);
      assert.deepEqual(await kit.claim('two'), []);
      return;
    }
    assert.fail('claim and done take too long');
  },
  'adds a file that was done as a new one': async kit => {
    await kit.add([kit.id('a')]);
    await kit.claim('one');
    await kit.store.done([kit.id('a')], 'one');
    assert.deepEqual(await kit.add([kit.id('a')]), []);
    assert.deepEqual(await kit.claim('two'), [kit.id('a')]);
  },
  'keeps a file that another owner holds': async kit => {
    await kit.add([kit.id('a'), kit.id('b')]);
    await kit.claim('one', { limit: 1 });
    await kit.claim('two', { limit: 1 });
    const fileIds = [kit.id('a'), kit.id('b')];
    await kit.store.done(fileIds, 'one');
    const left = await kit.settle(fileIds);
    assert.equal(left.length, 1, 'one of two owners has reported its file as done');
    await kit.store.done(left, 'two');
    assert.deepEqual(await kit.settle(fileIds), []);
  },
  'keeps a file whose lease has ended': async kit => {
    await kit.claimForAMoment(kit.id('a'), 'one');
    await kit.store.done([kit.id('a')], 'one');
    assert.deepEqual(await kit.claim('two'), [kit.id('a')]);
    await kit.store.done([kit.id('a')], 'one');
    assert.deepEqual(await kit.settle([kit.id('a')]), [kit.id('a')]);
  },
  'keeps a file that nobody has claimed': async kit => {
    await kit.add([kit.id('a')]);
    await kit.store.done([kit.id('a'), kit.id('unknown')], 'one');
    assert.deepEqual(await kit.claim('one'), [kit.id('a')]);
  },
};

const CASES: CaseTable<PendingKit> = {
  ...CLAIM_CASES,
  ...ADD_CASES,
  ...SETTLE_CASES,
  ...DONE_CASES,
};

const SHARED_CASES: CaseTable<PendingKit> = {
  'claims what a store of the same name has added, of all environments': async kit => {
    const second = await kit.openSecond();
    const fileIds = [kit.id('a'), kit.id('a', `${kit.env}-other`)];
    await kit.add(fileIds);
    const claim = { owner: 'one', limit: 10_000, leaseMs: HOUR_MS };
    const claimed = (await second.claim(claim)).map(({ fileId }) => fileId);
    await second.done(fileIds, 'one');
    const own = claimed.filter(fileId => fileIds.includes(fileId));
    assertSame(own, fileIds, 'the claimed files');
  },
  'shares files and claims with a store of the same name': async kit => {
    const second = await kit.openSecond();
    await kit.add([kit.id('a'), kit.id('b')]);
    assert.deepEqual(listed(await second.settle([kit.id('a')])), []);
    assert.deepEqual(await kit.claim('one'), [kit.id('b')]);
    assert.deepEqual(listed(await second.settle([kit.id('b')])), [kit.id('b')]);
    await second.done([kit.id('b')], 'one');
    assert.deepEqual(await kit.settle([kit.id('b')]), []);
  },
};
