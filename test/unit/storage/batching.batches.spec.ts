import { describe, expect, it, jest } from '@jest/globals';
import { inBatches, toBatches } from '../../../lib/storage/batching.js';
import { failureOf } from '../support/failures.js';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const batchesOf = (count: number): readonly (readonly number[])[] =>
  toBatches(numbers(count), String);

describe('toBatches', () => {
  it.each([
    [0, []],
    [1, [1]],
    [49, [49]],
    [50, [50]],
    [51, [50, 1]],
    [100, [50, 50]],
    [1_234, [...Array<number>(24).fill(50), 34]],
  ])('splits %d items', (count, sizes) => {
    expect(batchesOf(count).map(({ length }) => length)).toEqual(sizes);
    expect(batchesOf(count).flat()).toEqual(numbers(count));
  });

  it('never puts two items of a group into one batch', () => {
    const batches = toBatches(['a1', 'b1', 'a2', 'c1', 'a3', 'c2'], item => item.charAt(0));
    expect(batches).toEqual([['a1', 'b1', 'c1'], ['a2', 'c2'], ['a3']]);
  });
});

describe('inBatches', () => {
  it('runs a few calls at a time, in order', async () => {
    let running = 0;
    let most = 0;
    const seen: number[] = [];
    await inBatches(batchesOf(2_000), async batch => {
      seen.push(...batch);
      running += 1;
      most = Math.max(most, running);
      await new Promise(resolve => setImmediate(resolve));
      running -= 1;
    });
    expect(most).toBe(8);
    expect(seen).toEqual(numbers(2_000));
  });

  it('starts no further call after a failure, and rejects with it', async () => {
    const fault = new Error('x');
    const work = jest.fn(() => Promise.reject(fault));
    expect(await failureOf(inBatches(batchesOf(5_000), work))).toBe(fault);
    await new Promise(resolve => setImmediate(resolve));
    expect(work.mock.calls.length).toBeLessThanOrEqual(8);
  });
});
