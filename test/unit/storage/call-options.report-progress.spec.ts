import { describe, expect, it, jest } from '@jest/globals';
import { RareWarnings } from '../../../lib/diagnostics.js';
import { reportProgress } from '../../../lib/storage/call-options.js';

describe('reportProgress', () => {
  it('logs an error of a listener, and goes on to report', () => {
    const warn = jest.fn();
    const warnings = new RareWarnings({ warn });
    const errors = [new Error('a first bug'), new Error('a second bug')];
    const onProgress = jest.fn((): void => {
      throw errors.shift();
    });
    const report = reportProgress(warnings, onProgress, 10);
    report(5);
    report(10);

    expect(onProgress.mock.calls).toEqual([
      [{ transferredBytes: 5, totalBytes: 10 }],
      [{ transferredBytes: 10, totalBytes: 10 }],
    ]);
    expect(warn.mock.calls).toEqual([
      ['onProgress failed: a first bug. The transfer goes on. Make sure that the function works.'],
    ]);
  });

  it('has one line for the transfers of a minute, without secrets', () => {
    const warn = jest.fn();
    const warnings = new RareWarnings({ warn });
    const onProgress = (): never => {
      throw new Error('at https://example.com/?access_token=hiddenValue');
    };
    for (let transfer = 0; transfer < 20; transfer += 1) reportProgress(warnings, onProgress, 1)(1);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(JSON.stringify(warn.mock.calls)).not.toContain('hiddenValue');
  });
});
