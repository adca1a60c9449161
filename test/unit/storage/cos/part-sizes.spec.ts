import { describe, expect, it } from '@jest/globals';
import { MOST_PARTS, PartSizes } from '../../../../lib/storage/cos/part-sizes.js';

const MIB = 1_048_576;

/** Sizes with some uploads, and the functions that remove these. */
function sizesWith(uploads: number, partBytes: number, budgetBytes: number) {
  const sizes = new PartSizes(partBytes, budgetBytes);
  return { sizes, removals: Array.from({ length: uploads }, () => sizes.add()) };
}

describe('PartSizes', () => {
  it('gives a single upload whole parts, two of them in flight', () => {
    const { sizes } = sizesWith(1, 4 * MIB, 256 * MIB);
    expect([sizes.sizeOf(1), sizes.inFlight]).toEqual([4 * MIB, 2]);
  });

  it.each([1, 2, 3, 7, 8, 9, 20])('keeps the parts of %d uploads within half of the memory', n => {
    const { sizes } = sizesWith(n, 1_000 * MIB, 256 * MIB);
    const together = n * (sizes.inFlight + 1) * sizes.sizeOf(1);
    expect(together).toBeLessThanOrEqual(128 * MIB);
    expect(together).toBeGreaterThan(127 * MIB);
  });

  it('sends one part of each of many uploads at a time', () => {
    const { sizes, removals } = sizesWith(8, 4 * MIB, 256 * MIB);
    expect(sizes.inFlight).toBe(1);
    removals[0]?.();
    expect(sizes.inFlight).toBe(2);
  });

  it('gives whole parts again when other uploads have ended', () => {
    const { sizes, removals } = sizesWith(40, 8 * MIB, 64 * MIB);
    expect(sizes.sizeOf(1)).toBeLessThan(8 * MIB);
    removals.forEach(remove => remove());
    expect(sizes.sizeOf(1)).toBe(8 * MIB);
  });

  it('removes an upload once', () => {
    const { sizes, removals } = sizesWith(4, 1_000 * MIB, 240 * MIB);
    const before = sizes.sizeOf(1);
    removals[0]?.();
    removals[0]?.();
    expect(sizes.sizeOf(1) / before).toBeCloseTo(4 / 3);
  });

  it('never goes below the least size that COS permits', () => {
    const { sizes } = sizesWith(100, 4 * MIB, MIB);
    expect(sizes.sizeOf(1)).toBe(MIB);
  });

  it('gives whole parts in the second half of the numbers, whatever the memory', () => {
    const { sizes } = sizesWith(1, 4 * MIB, MIB);
    expect(sizes.sizeOf(MOST_PARTS / 2)).toBe(MIB);
    expect(sizes.sizeOf(MOST_PARTS / 2 + 1)).toBe(4 * MIB);
    expect(sizes.sizeOf(MOST_PARTS)).toBe(4 * MIB);
  });
});
