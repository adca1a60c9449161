import { describe, expect, it, jest } from '@jest/globals';
import { captureOperation, channels, trace } from '../../lib/diagnostics.js';

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
