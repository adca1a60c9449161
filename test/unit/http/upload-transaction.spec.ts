import { describe, expect, it, jest } from '@jest/globals';
import { StoredFiles } from '../../../lib/http/upload-transaction.js';
import { Operations } from '../../../lib/operations/operation-registry.js';

describe('whoever waits for the end of a request', () => {
  it.each([true, false])('is told when it comes: %s', async isSuccess => {
    const files = new StoredFiles();
    const listener = jest.fn();
    files.onEnd(listener);
    expect(listener).not.toHaveBeenCalled();
    await files.settle(isSuccess);
    await files.settle(!isSuccess);
    expect(listener.mock.calls).toEqual([[isSuccess]]);
  });

  it('is told at once when it has come before, as for a file behind an early answer', async () => {
    const files = new StoredFiles();
    await files.settle(true);
    const listener = jest.fn();
    files.onEnd(listener);
    expect(listener.mock.calls).toEqual([[false]]);
  });
});

const OVER = { code: 'WX_CLOUD_REQUEST_ABORTED' };

describe('an upload', () => {
  const instance = { operations: new Operations(5_000) };
  const endless = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });

  it.each([true, false])('that begins behind the answer does not run: %s', async isSuccess => {
    const files = new StoredFiles();
    await files.settle(isSuccess);
    const upload = jest.fn(endless);
    await expect(files.run(instance, 'x', upload)).rejects.toMatchObject(OVER);
    expect(upload).not.toHaveBeenCalled();
  });

  it.each<[string, (files: StoredFiles) => Promise<unknown>]>([
    ['another file fails', files => files.failWith(new Error('x'))],
    ['the request fails', files => files.fail()],
    ['the answer was sent', files => files.settle(true)],
  ])('ends when %s', async (_, act) => {
    const files = new StoredFiles();
    const upload = files.run(instance, 'x', endless);
    await act(files);
    await expect(upload).rejects.toMatchObject(OVER);
    await instance.operations.drain();
  });
});
