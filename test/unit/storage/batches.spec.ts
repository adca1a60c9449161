import { describe, expect, it, jest } from '@jest/globals';
import { inBatches } from '../../../lib/storage/batches.js';
import { failureOf } from '../support/failures.js';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('inBatches', () => {
  it.each([
    [0, []],
    [1, [1]],
    [49, [49]],
    [50, [50]],
    [51, [50, 1]],
    [100, [50, 50]],
    [1_234, [...Array<number>(24).fill(50), 34]],
  ])('splits %d items', async (count, sizes) => {
    const work = jest.fn((batch: readonly number[]) => Promise.resolve(batch));
    await expect(inBatches(numbers(count), work)).resolves.toEqual(numbers(count));
    expect(work.mock.calls.map(([batch]) => batch.length)).toEqual(sizes);
  });

  it('keeps the order of the list when later parts are done first', async () => {
    const finish: (() => void)[] = [];
    const work = (batch: readonly number[]): Promise<readonly string[]> =>
      new Promise(resolve => finish.push(() => resolve(batch.map(String))));
    const running = inBatches(numbers(250), work);
    for (const each of finish.toReversed()) each();
    await expect(running).resolves.toEqual(numbers(250).map(String));
  });

  it('runs a few calls at a time', async () => {
    let running = 0;
    let most = 0;
    await inBatches(numbers(2_000), async batch => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(resolve => setImmediate(resolve));
      running -= 1;
      return batch;
    });
    expect(most).toBe(8);
  });

  it('rejects with the first failure', async () => {
    const fault = new Error('x');
    const work = jest
      .fn<(batch: readonly number[]) => Promise<readonly number[]>>()
      .mockResolvedValueOnce([])
      .mockRejectedValueOnce(fault)
      .mockResolvedValue([]);
    expect(await failureOf(inBatches(numbers(120), work))).toBe(fault);
  });

  it('starts no further call after a failure', async () => {
    const work = jest.fn(() => Promise.reject(new Error('x')));
    await failureOf(inBatches(numbers(5_000), work));
    await new Promise(resolve => setImmediate(resolve));
    expect(work.mock.calls.length).toBeLessThanOrEqual(8);
  });
});
