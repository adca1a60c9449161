import { describe, expect, it, jest } from '@jest/globals';
import { WxCloudStorageError } from '../../../lib/errors/index.js';
import { requestBatch } from '../../../lib/storage/request-batch.js';

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `f${index}`);

function refusal(errcode: number, retryable = false): WxCloudStorageError {
  const message = `refused with ${errcode}`;
  return new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message, errcode, retryable });
}

async function request(items: readonly string[], bad: readonly string[], error: Error) {
  const send = jest.fn(async (part: readonly string[]) => {
    await Promise.resolve();
    if (part.some(item => bad.includes(item))) throw error;
    return part.map(fileId => ({ fileId, ok: true as const }));
  });
  const { signal } = new AbortController();
  const outcomes = await requestBatch<string, object>({
    items,
    send,
    fileIdOf: item => item,
    signal,
  });
  return { calls: send.mock.calls.length, outcomes };
}
const failed = (outcomes: readonly { fileId: string; ok: boolean }[]): string[] =>
  outcomes.filter(({ ok }) => !ok).map(({ fileId }) => fileId);

describe('a call for 50 files that one of them makes fail', () => {
  it.each([
    [40_097, 'f0'],
    [-501_007, 'f49'],
    [-501_009, 'f24'],
    [-501_023, 'f25'],
    [-503_002, 'f13'],
    [-503_003, 'f1'],
    [-601_002, 'f37'],
  ])('with %d fails for that file alone, within 13 calls', async (errcode, bad) => {
    const { calls, outcomes } = await request(names(50), [bad], refusal(errcode));
    expect(failed(outcomes)).toEqual([bad]);
    expect(outcomes.map(({ fileId }) => fileId)).toEqual(names(50));
    expect(calls).toBeLessThanOrEqual(13);
  });
});

describe('a call that fails for all files', () => {
  it.each([
    ['of the environment is not repeated in parts', refusal(-501_005), 1],
    ['that may pass is not repeated in parts', refusal(-501_007, true), 1],
    ['of a parameter is given up when both halves fail', refusal(-501_007), 3],
  ])('%s', async (_, error, expectedCalls) => {
    const { calls, outcomes } = await request(names(50), names(50), error);
    expect(failed(outcomes)).toEqual(names(50));
    expect(calls).toBe(expectedCalls);
  });

  it('with something else than an error of this package rejects', async () => {
    await expect(request(['a'], ['a'], new TypeError('a bug'))).rejects.toThrow('a bug');
  });
});
