import { describe, expect, it } from '@jest/globals';
import { DiskBudget } from '../../../lib/body/temporary-file.js';

describe('DiskBudget', () => {
  it('grants what is left and nothing more', () => {
    const use = { usedBytes: 0 };
    const budget = new DiskBudget('/spool', 10, use);
    budget.take(7);
    expect([budget.fits(3), budget.fits(4)]).toEqual([true, false]);
    expect(() => budget.take(4)).toThrow(
      expect.objectContaining({ code: 'WX_CLOUD_SPOOL_FAILED', retryable: true }),
    );
    expect(use.usedBytes).toBe(7);
    budget.release(7);
    expect(() => budget.assertFits(10)).not.toThrow();
  });

  it('rejects for good what exceeds the whole budget', () => {
    const budget = new DiskBudget('/spool', 10, { usedBytes: 0 });
    expect(() => budget.assertFits(11)).toThrow(expect.objectContaining({ retryable: false }));
  });

  it('allows no file with a size of zero, not even an empty one', () => {
    expect(new DiskBudget('/spool', 0, { usedBytes: 0 }).fits(0)).toBe(false);
  });

  it('counts what all instances with one folder take, however it is written', () => {
    const [one, same, other] = ['/one/folder', '/one/x/../folder', '/another'].map(
      path => new DiskBudget(path, 10),
    );
    one?.take(8);
    expect([same?.fits(3), other?.fits(3)]).toEqual([false, true]);
    same?.release(8);
    expect(one?.fits(10)).toBe(true);
  });
});
