import { describe, expect, it } from '@jest/globals';
import { runToEnd } from '../support/child.js';

/** Those that need no packages of others; CI runs the whole of it besides. */
const OWN = ['raw', 'noop', 'ours', 'ours-declared', 'undici', 'one by one'];

describe('the benchmarks', () => {
  it('run to their end in smoke mode, with every file and link checked', async () => {
    const contestants = OWN.flatMap(name => ['--contestant', name]);
    const { stdout } = await runToEnd(
      process.execPath,
      ['bench/run.mjs', '--smoke', ...contestants],
      { cwd: process.cwd(), timeoutMs: 120_000 },
    );
    expect(stdout.match(/│ ours /g)).toHaveLength(8);
  }, 150_000);
});
