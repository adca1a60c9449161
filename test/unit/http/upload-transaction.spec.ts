import { describe, expect, it, jest } from '@jest/globals';
import { UploadTransaction } from '../../../lib/http/upload-transaction.js';
import { OperationRegistry } from '../../../lib/operations/operation-registry.js';

describe('whoever waits for the end of a request', () => {
  it.each([true, false])('is told when it comes: %s', async isSuccess => {
    const transaction = new UploadTransaction();
    const listener = jest.fn();
    transaction.onEnd(listener);
    expect(listener).not.toHaveBeenCalled();
    await transaction.settle(isSuccess);
    await transaction.settle(!isSuccess);
    expect(listener.mock.calls).toEqual([[isSuccess]]);
  });

  it('is told at once when it has come before, as for a file behind an early answer', async () => {
    const transaction = new UploadTransaction();
    await transaction.settle(true);
    const listener = jest.fn();
    transaction.onEnd(listener);
    expect(listener.mock.calls).toEqual([[false]]);
  });
});

const OVER = { code: 'WX_CLOUD_REQUEST_ABORTED' };

describe('an upload', () => {
  const instance = { operations: new OperationRegistry(5_000) };
  const endless = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });

  it.each([true, false])('that begins behind the answer does not run: %s', async isSuccess => {
    const transaction = new UploadTransaction();
    await transaction.settle(isSuccess);
    const upload = jest.fn(endless);
    await expect(transaction.run(instance, 'x', upload)).rejects.toMatchObject(OVER);
    expect(upload).not.toHaveBeenCalled();
  });

  it.each<[string, (transaction: UploadTransaction) => Promise<unknown>]>([
    ['another file fails', transaction => transaction.fail(new Error('x'))],
    ['the request fails', transaction => transaction.rollBack()],
    ['the answer was sent', transaction => transaction.settle(true)],
  ])('ends when %s', async (_, act) => {
    const transaction = new UploadTransaction();
    const upload = transaction.run(instance, 'x', endless);
    await act(transaction);
    await expect(upload).rejects.toMatchObject(OVER);
    await instance.operations.drain();
  });
});
