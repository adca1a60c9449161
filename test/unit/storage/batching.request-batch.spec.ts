import { describe, expect, it, jest } from '@jest/globals';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { sendSplittingOnError } from '../../../lib/storage/batching.js';

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `f${index}`);

function refusal(errcode: number, retryable = false): WxCloudStorageError {
  const message = `refused with ${errcode}`;
  return new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message, errcode, retryable });
}

async function request(
  items: readonly string[],
  bad: readonly string[],
  error: Error,
  random = Math.random,
) {
  const send = jest.fn(async (part: readonly string[]) => {
    await Promise.resolve();
    if (part.some(item => bad.includes(item))) throw error;
    return part.map(fileId => ({ fileId, ok: true as const }));
  });
  const { signal } = new AbortController();
  const outcomes = await sendSplittingOnError<string, object>({
    items,
    send,
    fileIdOf: item => item,
    signal,
    random,
  });
  return { calls: send.mock.calls.length, outcomes };
}
const byNumber = (a: string, b: string): number => Number(a.slice(1)) - Number(b.slice(1));
const failed = (outcomes: readonly { fileId: string; ok: boolean }[]): string[] =>
  outcomes.filter(({ ok }) => !ok).map(({ fileId }) => fileId);

describe('sendSplittingOnError with one failing file of 50', () => {
  it.each([
    [40_097, 'f0'],
    [-501_007, 'f49'],
    [-501_009, 'f24'],
    [-501_023, 'f25'],
    [-503_002, 'f13'],
    [-503_003, 'f1'],
    [-601_002, 'f37'],
  ])('fails with %d for that file only, within 15 calls', async (errcode, bad) => {
    const { calls, outcomes } = await request(names(50), [bad], refusal(errcode));
    expect(failed(outcomes)).toEqual([bad]);
    expect(outcomes.map(({ fileId }) => fileId)).toEqual(names(50));
    expect(calls).toBeLessThanOrEqual(15);
  });
});

describe('sendSplittingOnError with several failing files', () => {
  /** Picks the files in the middle for the trials. */
  const random = (): number => 0.5;

  it.each([
    ['in both halves', ['f0', 'f49']],
    ['one of them tried', ['f25', 'f3', 'f4']],
    ['all but the tried ones', names(50).filter(name => name !== 'f25')],
  ])('fails for these only: %s', async (_, bad) => {
    const { outcomes } = await request(names(50), bad, refusal(-501_007), random);
    expect(failed(outcomes)).toEqual(bad.toSorted(byNumber));
    expect(outcomes.map(({ fileId }) => fileId)).toEqual(names(50));
  });

  it('fails for each missing file, even if all are missing', async () => {
    const missing = new WxCloudStorageError({
      code: 'WX_CLOUD_FILE_NOT_FOUND',
      message: 'missing',
      errcode: -503_003,
    });
    const bad = names(50).filter(name => name !== 'f7');
    const { outcomes, calls } = await request(names(50), bad, missing, random);
    expect(failed(outcomes)).toEqual(bad);
    expect(calls).toBeLessThanOrEqual(103);
  });

  it.each([2, 3, 4])('requests each of %d files alone', async count => {
    const { outcomes } = await request(names(count), names(count - 1), refusal(-501_007));
    expect(failed(outcomes)).toEqual(names(count - 1));
  });
});

describe('sendSplittingOnError with a general failure', () => {
  it.each([
    ['of the environment is not repeated in parts', refusal(-501_005), 1],
    ['that may pass is not repeated in parts', refusal(-501_007, true), 1],
    ['of a parameter is given up when two files fail alone', refusal(-501_007), 3],
  ])('%s', async (_, error, expectedCalls) => {
    const { calls, outcomes } = await request(names(50), names(50), error);
    expect(failed(outcomes)).toEqual(names(50));
    expect(calls).toBe(expectedCalls);
  });

  it('rejects with an error that is not of this package', async () => {
    await expect(request(['a'], ['a'], new TypeError('a bug'))).rejects.toThrow('a bug');
  });
});
