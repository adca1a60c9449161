import { describe, expect, it, jest } from '@jest/globals';
import { captureOperation, channels, RareWarnings, trace } from '../../lib/diagnostics.js';

describe('trace', () => {
  const describeEvent = jest.fn(() => ({ env: 'e' }));

  it('only does the work without a subscriber', async () => {
    const result = Promise.resolve(captureOperation());
    const work = jest.fn((_event: unknown) => result);
    expect(trace(channels.form, describeEvent, work)).toBe(result);
    expect(work).toHaveBeenCalledWith(undefined);
    expect(describeEvent).not.toHaveBeenCalled();
    await expect(result).resolves.toBeUndefined();
  });

  it('publishes a foreign error as unknown, and rejects with it', async () => {
    const error = new Error('secret');
    const ended = jest.fn();
    channels.form.asyncEnd.subscribe(ended);
    try {
      const work = (): Promise<never> => Promise.reject(error);
      await expect(trace(channels.form, describeEvent, work)).rejects.toBe(error);
    } finally {
      channels.form.asyncEnd.unsubscribe(ended);
    }
    expect(ended).toHaveBeenCalledWith(
      { env: 'e', code: 'unknown', durationMs: expect.any(Number) },
      'tracing:wx-cloud-storage:form:asyncEnd',
    );
  });
});

describe('RareWarnings', () => {
  it('writes one line a minute of a kind, and says whether it did', () => {
    const warn = jest.fn();
    let nowMs = 0;
    const warnings = new RareWarnings({ warn }, () => nowMs);
    expect(warnings.warn('a', 'first a')).toBe(true);
    expect(warnings.warn('b', 'first b')).toBe(true);
    nowMs = 59_999;
    expect(warnings.warn('a', 'second a')).toBe(false);
    nowMs = 60_000;
    expect(warnings.warn('a', 'third a')).toBe(true);
    expect(warn.mock.calls).toEqual([['first a'], ['first b'], ['third a']]);
  });

  it('writes one line for all instances that use an object', () => {
    const warn = jest.fn();
    const [store, other] = [{}, {}];
    for (const subject of [store, store, other, undefined, undefined]) {
      new RareWarnings({ warn }, () => 0, subject).warn('a', 'text');
    }
    expect(warn).toHaveBeenCalledTimes(4);
  });
});
