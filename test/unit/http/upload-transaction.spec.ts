import { describe, expect, it, jest } from '@jest/globals';
import { UploadTransaction } from '../../../lib/http/upload-transaction.js';
import { OperationRegistry } from '../../../lib/operations/operation-registry.js';
import type { StorageContext } from '../../../lib/storage/storage-context.js';

const ENDS = [
  ['answered', true],
  ['refused', false],
  ['left', false],
] as const;

describe('UploadTransaction.onEnd', () => {
  it.each(ENDS)('calls back at the end of the request: %s', async (end, isSuccess) => {
    const transaction = new UploadTransaction();
    const listener = jest.fn();
    transaction.onEnd(listener);
    expect(listener).not.toHaveBeenCalled();
    await transaction.end(end);
    await transaction.end('answered');
    expect(listener.mock.calls).toEqual([[isSuccess]]);
  });

  it('calls back at once after the end, as for a file behind an early response', async () => {
    const transaction = new UploadTransaction();
    await transaction.end('answered');
    const listener = jest.fn();
    transaction.onEnd(listener);
    expect(listener.mock.calls).toEqual([[false]]);
  });
});

const OVER = { code: 'WX_CLOUD_REQUEST_ABORTED' };

describe('UploadTransaction.hold', () => {
  it.each(ENDS)(
    'keeps an instance in use until the end of the request: %s',
    async (end, _isSuccess) => {
      let nowMs = 0;
      const operations = new OperationRegistry(5_000, () => nowMs);
      const context = { operations } as StorageContext;
      const transaction = new UploadTransaction();
      transaction.hold(context);
      transaction.hold(context);
      nowMs = 60_000;
      expect(operations.idleMs).toBe(0);
      await transaction.end(end);
      nowMs = 120_000;
      expect(operations.idleMs).toBeGreaterThan(0);
      transaction.hold(context);
      expect(operations.idleMs).toBeGreaterThan(0);
    },
  );
});

describe('UploadTransaction.run', () => {
  const instance = { operations: new OperationRegistry(5_000) };
  const endless = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });

  it.each(['answered', 'refused', 'left'] as const)(
    'starts nothing after the end: %s',
    async end => {
      const transaction = new UploadTransaction();
      await transaction.end(end);
      const upload = jest.fn(endless);
      await expect(transaction.run(instance, 'x', upload)).rejects.toMatchObject(OVER);
      expect(upload).not.toHaveBeenCalled();
    },
  );

  it.each<[string, (transaction: UploadTransaction) => Promise<unknown>]>([
    ['another file fails', transaction => transaction.fail(new Error('x'))],
    ['the request fails', transaction => transaction.rollBack()],
    ['the response was sent', transaction => transaction.end('answered')],
  ])('aborts when %s', async (_, act) => {
    const transaction = new UploadTransaction();
    const upload = transaction.run(instance, 'x', endless);
    await act(transaction);
    await expect(upload).rejects.toMatchObject(OVER);
    await instance.operations.drain();
  });
});
