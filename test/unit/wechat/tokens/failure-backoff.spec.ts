import { describe, expect, it } from '@jest/globals';
import { FailureBackoff } from '../../../../lib/wechat/tokens/failure-backoff.js';

const PACING = { free: 0, firstWaitMs: 1_000, longestWaitMs: 60_000 };

describe('FailureBackoff', () => {
  it('lets the free failures pass and then waits twice as long each time, up to a minute', () => {
    const pace = new FailureBackoff(() => 0, { ...PACING, free: 2 });
    const waits = Array.from({ length: 10 }, () => {
      pace.failed();
      return pace.waitMs;
    });
    expect(waits).toEqual([0, 0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('counts the wait down and resets after a success', () => {
    let nowMs = 0;
    const pace = new FailureBackoff(() => nowMs, PACING);
    pace.failed();
    nowMs = 999;
    expect(pace.waitMs).toBe(1);
    nowMs = 5_000;
    expect(pace.waitMs).toBe(0);
    pace.failed();
    pace.succeeded();
    expect(pace.waitMs).toBe(0);
    pace.failed();
    expect(pace.waitMs).toBe(1_000);
  });
});
