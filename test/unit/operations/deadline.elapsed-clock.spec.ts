import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { createElapsedClock } from '../../../lib/operations/deadline.js';

const HOUR_MS = 3_600_000;

/** Two clocks that a test moves, and the one made of them. */
function makeClocks() {
  const at = { monotonicMs: 5_000, wallMs: 1_700_000_000_000 };
  const elapsedMs = createElapsedClock(
    () => at.monotonicMs,
    () => Math.floor(at.wallMs),
  );
  const pass = (monotonicMs: number, wallMs = monotonicMs): number => {
    const before = elapsedMs();
    at.monotonicMs += monotonicMs;
    at.wallMs += wallMs;
    return elapsedMs() - before;
  };
  return { pass };
}

describe('createElapsedClock', () => {
  it.each([
    ['time that both clocks show', HOUR_MS, HOUR_MS, HOUR_MS],
    ['time for which the monotonic clock stood still', 0, HOUR_MS, HOUR_MS],
    ['time for which it stood still in part', 60_000, HOUR_MS, HOUR_MS],
    ['monotonic time alone when the wall clock is set back', 60_000, -HOUR_MS, 60_000],
    ['monotonic time alone when the wall clock does not go', 60_000, 0, 60_000],
    ['monotonic time alone when the wall clock is adjusted', 60_000, 60_900, 60_000],
  ])('counts %s', (_, monotonicMs, wallMs, expected) => {
    expect(makeClocks().pass(monotonicMs, wallMs)).toBe(expected);
  });

  it('counts a wall clock that is set forward once, then follows the monotonic one', () => {
    const { pass } = makeClocks();
    expect(pass(1, HOUR_MS)).toBe(HOUR_MS);
    expect(pass(1_000)).toBe(1_000);
  });

  it('notices a suspension after the wall clock was set back', () => {
    const { pass } = makeClocks();
    pass(1_000, -HOUR_MS);
    expect(pass(0, 2 * HOUR_MS)).toBe(2 * HOUR_MS);
  });

  it('does not run fast when it is read often', () => {
    const { pass } = makeClocks();
    let sum = 0;
    for (let index = 0; index < 1_000; index += 1) sum += pass(0.3);
    expect(sum).toBeCloseTo(300);
  });

  it('never goes back, and never lags behind the monotonic clock', () => {
    const moves = fc.array(fc.tuple(fc.nat(HOUR_MS), fc.integer({ min: -HOUR_MS, max: HOUR_MS })));
    fc.assert(
      fc.property(moves, steps => {
        const { pass } = makeClocks();
        steps.forEach(([monotonicMs, wallMs]) =>
          expect(pass(monotonicMs, wallMs)).toBeGreaterThanOrEqual(monotonicMs),
        );
      }),
    );
  });
});
