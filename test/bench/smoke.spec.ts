import { describe, expect, it } from '@jest/globals';
import { runToEnd } from '../support/child.js';

describe('the benchmarks', () => {
  it('run to their end in smoke mode, with every upload checked', async () => {
    const { stdout } = await runToEnd(process.execPath, ['bench/upload.mjs', '--smoke'], {
      cwd: process.cwd(),
    });
    expect(stdout.match(/│ (?:ours|tutorial) /g)).toHaveLength(4);
  }, 90_000);
});
