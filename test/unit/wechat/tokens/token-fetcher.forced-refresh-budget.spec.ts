import { describe, expect, it } from '@jest/globals';
import { ForcedRefreshBudget } from '../../../../lib/wechat/tokens/token-fetcher.js';

describe('ForcedRefreshBudget', () => {
  it('allows one refresh in 30 seconds', () => {
    let nowMs = 0;
    const budget = new ForcedRefreshBudget(() => nowMs);
    const takenAt = [0, 1, 29_999, 30_000, 59_999, 60_000].map(atMs => {
      nowMs = atMs;
      return budget.take();
    });
    expect(takenAt).toEqual([true, false, false, true, false, true]);
  });

  it('allows 20 refreshes in 24 hours', () => {
    let nowMs = 0;
    const budget = new ForcedRefreshBudget(() => nowMs);
    const takeEveryMinute = (times: number): number =>
      Array.from({ length: times }, () => {
        nowMs += 60_000;
        return budget.take();
      }).filter(Boolean).length;

    expect(takeEveryMinute(60)).toBe(20);
    nowMs = 86_400_000;
    expect(takeEveryMinute(60)).toBe(20);
  });
});
