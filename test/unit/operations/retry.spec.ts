import { getEventListeners } from 'node:events';
import { describe, expect, it, jest } from '@jest/globals';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { isRetryable, retry, retryDelayMs } from '../../../lib/operations/retry.js';
import { NEVER } from '../support/server.js';

const policy = { attempts: 3, minDelayMs: 0, maxDelayMs: 0 };
const BUSY = { code: 'WX_CLOUD_API_FAILED', message: 'busy', retryable: true } as const;
const transient = new WxCloudStorageError(BUSY);
const permanent = new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message: 'no' });

function failing(...errors: unknown[]): jest.Mock<(attempt: number) => Promise<string>> {
  const work = jest.fn<(attempt: number) => Promise<string>>();
  for (const error of errors) work.mockRejectedValueOnce(error);
  return work.mockResolvedValue('done');
}

describe('retry', () => {
  it.each([
    ['at once', [], 1],
    ['after one transient failure', [transient], 2],
    ['at the last try', [transient, transient], 3],
  ])('succeeds %s', async (_, errors, tries) => {
    const work = failing(...errors);
    await expect(retry(work, policy, NEVER)).resolves.toBe('done');
    expect(work.mock.calls).toEqual(Array.from({ length: tries }, (__, index) => [index + 1]));
  });

  it('rejects with the last error when the tries are used up', async () => {
    const last = new WxCloudStorageError({ ...BUSY, message: 'still busy' });
    const work = failing(transient, transient, last);
    await expect(retry(work, policy, NEVER)).rejects.toBe(last);
    expect(work).toHaveBeenCalledTimes(3);
  });

  it.each([
    ['an error for good', permanent],
    ['a foreign error', new Error('bug')],
    ['no error at all', 'text'],
  ])('does not retry after %s', async (_, error) => {
    const work = failing(error);
    await expect(retry(work, policy, NEVER)).rejects.toBe(error);
    expect(work).toHaveBeenCalledTimes(1);
  });

  it('makes one try when one is allowed', async () => {
    const work = failing(transient);
    await expect(retry(work, { ...policy, attempts: 1 }, NEVER)).rejects.toBe(transient);
    expect(work).toHaveBeenCalledTimes(1);
  });

  it('asks the given function whether to retry', async () => {
    const work = failing(permanent, transient);
    const mayRetry = (error: unknown): boolean => error === permanent;
    await expect(retry(work, policy, NEVER, mayRetry)).rejects.toBe(transient);
    expect(work).toHaveBeenCalledTimes(2);
  });

  it('makes no try with an aborted signal', async () => {
    const work = failing();
    const signal = AbortSignal.abort(permanent);
    await expect(retry(work, policy, signal)).rejects.toBe(permanent);
    expect(work).not.toHaveBeenCalled();
  });

  it('stops waiting with the abort reason and releases the signal', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const long = { attempts: 3, minDelayMs: 60_000, maxDelayMs: 60_000 };
    const work = failing(transient);
    jest.spyOn(Math, 'random').mockReturnValueOnce(0.99);
    const running = retry(work, long, signal);
    setImmediate(() => controller.abort(permanent));
    await expect(running).rejects.toBe(permanent);
    expect(work).toHaveBeenCalledTimes(1);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('keeps the error of a try during which the signal was aborted', async () => {
    const controller = new AbortController();
    const work = jest.fn(() => {
      controller.abort(permanent);
      return Promise.reject(transient);
    });
    const running = retry(work, policy, controller.signal);
    await expect(running).rejects.toBe(transient);
    expect(work).toHaveBeenCalledTimes(1);
  });
});

describe('retryDelayMs', () => {
  const wide = { attempts: 10, minDelayMs: 200, maxDelayMs: 5_000 };

  it.each([
    [1, 200],
    [2, 400],
    [3, 800],
    [5, 3_200],
    [6, 5_000],
    [10, 5_000],
  ])('stays, after try %d, below a ceiling of %d ms', (attempt, ceiling) => {
    expect(retryDelayMs(wide, attempt, () => 0)).toBe(0);
    expect(retryDelayMs(wide, attempt, () => 0.5)).toBe(ceiling / 2);
    expect(retryDelayMs(wide, attempt, () => 0.999)).toBeCloseTo(ceiling * 0.999);
  });

  it('stays within its bounds with the real random source', () => {
    const waits = Array.from({ length: 200 }, () => retryDelayMs(wide, 4));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...waits)).toBeLessThan(1_600);
    expect(new Set(waits).size).toBeGreaterThan(100);
  });
});

describe('isRetryable', () => {
  it.each([
    [transient, true],
    [permanent, false],
    [Object.assign(new Error('x'), { retryable: true }), false],
    [undefined, false],
    [{ retryable: true }, false],
  ])('returns for %p: %p', (error, expected) => {
    expect(isRetryable(error)).toBe(expected);
  });
});
