import { describe, expect, it, jest } from '@jest/globals';
import { reportProgress } from '../../../lib/storage/call-options.js';

describe('reportProgress', () => {
  it('logs the first error of a listener, and goes on to report', () => {
    const warn = jest.fn();
    const errors = [new Error('a first bug'), new Error('a second bug')];
    const onProgress = jest.fn((): void => {
      throw errors.shift();
    });
    const report = reportProgress({ warn } as never, onProgress, 10);
    report(5);
    report(10);

    expect(onProgress.mock.calls).toEqual([
      [{ transferredBytes: 5, totalBytes: 10 }],
      [{ transferredBytes: 10, totalBytes: 10 }],
    ]);
    expect(warn.mock.calls).toEqual([['onProgress failed: a first bug']]);
  });
});
