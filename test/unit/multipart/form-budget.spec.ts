import { describe, expect, it, jest } from '@jest/globals';
import { completeLimits } from '../../../lib/http/upload/upload-options.js';
import { FormBudget } from '../../../lib/multipart/form-budget.js';

describe('FormBudget.holdHead', () => {
  it('reserves and releases the difference to the headers held before', () => {
    const memory = { assertRoom: jest.fn(), take: jest.fn(), count: jest.fn(), release: jest.fn() };
    const budget = new FormBudget(completeLimits(), memory);
    for (const bytes of [1_000, 1_024, 1_024, 1_500, 100, 0]) budget.holdHead(bytes);
    expect(memory.count.mock.calls).toEqual([[1_000], [24]]);
    expect(memory.take.mock.calls).toEqual([[476]]);
    expect(memory.release.mock.calls).toEqual([[1_400], [100]]);
  });
});

describe('FormBudget.takeText', () => {
  it('reserves two bytes of memory for each byte of text', () => {
    const memory = { assertRoom: jest.fn(), take: jest.fn(), count: jest.fn(), release: jest.fn() };
    new FormBudget(completeLimits(), memory).takeText(10);
    expect(memory.take.mock.calls).toEqual([[20]]);
  });
});

describe('FormBudget.takePart', () => {
  it('accepts headers up to the larger of 2 MiB and textBytes, and not one byte more', () => {
    const budget = new FormBudget({ ...completeLimits(), textBytes: 10 });
    budget.takePart(2_097_152);
    expect(() => budget.takePart(0)).not.toThrow();
    expect(() => budget.takePart(1)).toThrow(/limits\.textBytes/);
  });
});
