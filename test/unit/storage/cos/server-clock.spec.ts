import { describe, expect, it } from '@jest/globals';
import { ServerClock } from '../../../../lib/storage/cos/server-clock.js';

const NOW_MS = Date.UTC(2026, 0, 1);

function httpDate(ms: number): string {
  return new Date(ms).toUTCString();
}

describe('ServerClock', () => {
  it('takes over the time of COS', () => {
    const clock = new ServerClock(() => NOW_MS);
    expect(clock.correct(httpDate(NOW_MS + 3_600_000), NOW_MS)).toBe(true);
    expect(clock.nowMs()).toBe(NOW_MS + 3_600_000);
  });

  it('says of a request that was signed before the correction that it may succeed now', () => {
    const clock = new ServerClock(() => NOW_MS);
    clock.correct(httpDate(NOW_MS + 3_600_000), NOW_MS);
    expect(clock.correct(httpDate(NOW_MS + 3_600_000), NOW_MS)).toBe(true);
    expect(clock.correct(httpDate(NOW_MS + 3_600_000), clock.nowMs())).toBe(false);
  });

  it.each([
    ['no date', undefined],
    ['no time', 'soon'],
    ['about the same time', httpDate(NOW_MS + 29_000)],
    ['the time of another year', httpDate(NOW_MS + 400 * 86_400_000)],
  ])('keeps its time with %s', (_, date) => {
    const clock = new ServerClock(() => NOW_MS);
    expect(clock.correct(date, NOW_MS)).toBe(false);
    expect(clock.nowMs()).toBe(NOW_MS);
  });
});
