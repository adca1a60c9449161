import { describe, expect, it } from '@jest/globals';
import { UploadTransaction } from '../../../lib/http/upload-transaction.js';
import { OperationRegistry } from '../../../lib/operations/operation-registry.js';
import type { StorageContext } from '../../../lib/storage/storage-context.js';

const LOST = { code: 'WX_CLOUD_PENDING_LOST' };
const OVER = { code: 'WX_CLOUD_REQUEST_ABORTED' };

/** An instance that notes what happens, with a ledger that reports the given files as lost. */
function makeInstance(name = '', lost: readonly string[] = []) {
  const steps: string[] = [];
  const note = (step: string, fileIds: readonly string[]): void =>
    void steps.push(`${step} ${fileIds.join(' ')}`);
  const context = {
    name,
    operations: new OperationRegistry(5_000),
    options: {},
    logger: { warn: () => {} },
    deletions: {
      delete: async (fileIds: readonly string[]) => {
        note('delete', fileIds);
        return fileIds.map(fileId => ({ fileId, ok: true }));
      },
    },
    pending: {
      settle: async (fileIds: readonly string[]) => {
        note('settle', fileIds);
        return fileIds.filter(fileId => lost.includes(fileId));
      },
      orphan: async (fileIds: readonly string[]) => note('orphan', fileIds),
      forget: (fileIds: readonly string[]) => note('forget', fileIds),
    },
  } as unknown as StorageContext;
  return { steps, context };
}

async function makeTransaction(context: StorageContext, ...fileIds: readonly string[]) {
  const transaction = new UploadTransaction();
  for (const fileId of fileIds) await transaction.track({ fileId, context, isPathUnique: true });
  return transaction;
}

describe('UploadTransaction.commit', () => {
  it('settles all files in one call, for any number of callers', async () => {
    const { context, steps } = makeInstance();
    const transaction = await makeTransaction(context, 'a', 'b');
    expect(transaction.isCommitDue).toBe(true);
    await Promise.all([transaction.commit(), transaction.commit()]);
    await transaction.end('answered');
    expect(transaction.isCommitDue).toBe(false);
    expect(steps).toEqual(['settle a b']);
  });

  it('settles the files of several instances in their ledgers', async () => {
    const [one, two] = [makeInstance('one'), makeInstance('two')];
    const transaction = await makeTransaction(one.context, 'a');
    await transaction.track({ fileId: 'b', context: two.context, isPathUnique: true });
    await transaction.commit();
    expect([one.steps, two.steps]).toEqual([['settle a'], ['settle b']]);
  });

  it('is not due for files that no ledger knows', async () => {
    const { context } = makeInstance();
    const transaction = new UploadTransaction();
    await transaction.track({ fileId: 'a', context, isPathUnique: false });
    const without = { ...context, pending: undefined };
    await transaction.track({ fileId: 'b', context: without, isPathUnique: true });
    expect(transaction.isCommitDue).toBe(false);
  });

  it('is due again for a file that is stored later', async () => {
    const { context, steps } = makeInstance();
    const transaction = await makeTransaction(context, 'a');
    await transaction.commit();
    await transaction.track({ fileId: 'b', context, isPathUnique: true });
    expect(transaction.isCommitDue).toBe(true);
    await transaction.commit();
    expect(steps).toEqual(['settle a', 'settle b']);
  });

  it('deletes all files when one is lost, and rejects', async () => {
    const { context, steps } = makeInstance('', ['b']);
    const transaction = await makeTransaction(context, 'a', 'b');
    await expect(transaction.commit()).rejects.toMatchObject(LOST);
    expect(steps).toEqual(['settle a b', 'orphan a b', 'delete a b', 'forget a b']);
    expect(transaction.isCommitDue).toBe(false);
  });

  it('stays due until lost files are deleted, so that nothing is sent meanwhile', async () => {
    const { context, steps } = makeInstance('', ['a']);
    const due: boolean[] = [];
    const transaction = await makeTransaction(context, 'a');
    const orphan = async (): Promise<void> => void due.push(transaction.isCommitDue);
    Object.assign(context.pending as object, { orphan });
    await expect(transaction.commit()).rejects.toMatchObject(LOST);
    expect(due).toEqual([true]);
    expect(transaction.isCommitDue).toBe(false);
    expect(steps).toEqual(['settle a', 'delete a', 'forget a']);
  });

  it.each(['left', 'refused'] as const)(
    'rejects when the request ends meanwhile: %s',
    async end => {
      const { context, steps } = makeInstance();
      const transaction = await makeTransaction(context, 'a');
      const committing = transaction.commit();
      await Promise.all([transaction.end(end), expect(committing).rejects.toMatchObject(OVER)]);
      expect(steps).toEqual(['settle a', 'orphan a', 'delete a', 'forget a']);
    },
  );

  it('keeps the files of a client that leaves later', async () => {
    const { context, steps } = makeInstance();
    const transaction = await makeTransaction(context, 'a');
    await transaction.commit();
    await transaction.end('left');
    expect(steps).toEqual(['settle a']);
  });

  it.each(['left', 'refused'] as const)('is what keeps files of a client: %s', async end => {
    const { context, steps } = makeInstance();
    const transaction = await makeTransaction(context, 'a');
    await transaction.end(end);
    expect(steps).toEqual(['delete a', 'forget a']);
  });

  it('is undone by a later failure, which lists the files again first', async () => {
    const { context, steps } = makeInstance();
    const transaction = await makeTransaction(context, 'a');
    await transaction.commit();
    await transaction.end('refused');
    expect(steps).toEqual(['settle a', 'orphan a', 'delete a', 'forget a']);
  });

  it('follows a success that was written past the methods of the response', async () => {
    const { context, steps } = makeInstance();
    const transaction = await makeTransaction(context, 'a');
    await transaction.end('answered');
    expect(steps).toEqual(['settle a']);
  });
});

describe('UploadTransaction.keep', () => {
  it('settles a file once, and nothing deletes it', async () => {
    const { context, steps } = makeInstance();
    const transaction = await makeTransaction(context, 'a', 'b');
    await Promise.all([transaction.keep('a'), transaction.keep('a')]);
    await transaction.delete('a');
    await transaction.rollBack();
    await transaction.keep('a');
    expect(steps).toEqual(['settle a', 'delete b', 'forget b']);
  });

  it('holds from the call on', async () => {
    const { context, steps } = makeInstance();
    const transaction = await makeTransaction(context, 'a');
    const keeping = transaction.keep('a');
    await transaction.end('left');
    await keeping;
    expect(steps).toEqual(['settle a']);
  });

  it('is awaited by the commit', async () => {
    const { context, steps } = makeInstance('', ['a']);
    const transaction = await makeTransaction(context, 'a');
    void transaction.keep('a');
    expect(transaction.isCommitDue).toBe(true);
    await expect(transaction.commit()).rejects.toMatchObject(LOST);
    expect(steps).toEqual(['settle a', 'orphan a', 'delete a', 'forget a']);
  });

  it.each(['keep', 'commit'] as const)('rejects for a lost file, as %s does then', async method => {
    const { context, steps } = makeInstance('', ['a']);
    const transaction = await makeTransaction(context, 'a');
    await expect(transaction.keep('a')).rejects.toMatchObject(LOST);
    await expect(transaction[method]('a')).rejects.toMatchObject(LOST);
    await transaction.end('refused');
    expect(steps).toEqual(['settle a', 'orphan a', 'delete a', 'forget a']);
  });

  it('rejects for a lost file whose client has left, which is deleted', async () => {
    const { context, steps } = makeInstance('', ['a']);
    const transaction = await makeTransaction(context, 'a');
    const keeping = transaction.keep('a');
    await Promise.all([transaction.end('left'), expect(keeping).rejects.toMatchObject(LOST)]);
    expect(steps).toEqual(['settle a', 'orphan a', 'delete a', 'forget a']);
  });

  it('waits for a commit that has begun', async () => {
    const { context, steps } = makeInstance('', ['a']);
    const transaction = await makeTransaction(context, 'a');
    const committing = transaction.commit();
    await expect(transaction.keep('a')).rejects.toMatchObject(LOST);
    await expect(committing).rejects.toMatchObject(LOST);
    expect(steps).toEqual(['settle a', 'orphan a', 'delete a', 'forget a']);
  });

  it.each([
    ['resolves after a success', 'answered', undefined],
    ['rejects after a failure', 'refused', OVER.code],
  ] as const)('%s', async (_, end, code) => {
    const { context } = makeInstance();
    const transaction = await makeTransaction(context, 'a');
    await transaction.end(end);
    const keeping = transaction.keep('a').then(
      () => undefined,
      (error: unknown) => (error as typeof OVER).code,
    );
    expect(await keeping).toBe(code);
  });
});
