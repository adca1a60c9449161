import { describe, expect, it } from '@jest/globals';
import { LateFiles } from '../../../lib/pending/late-files.js';

const LATE_MS = 600_000;

describe('LateFiles', () => {
  it('returns a file once, and not when its time is over', () => {
    const files = new LateFiles();
    files.add('a', 0);
    files.add('b', 0);
    files.add('b', 1);
    expect(files.take(['a', 'b', 'c'], LATE_MS)).toEqual(['b']);
    expect(files.take(['a', 'b'], 1)).toEqual([]);
  });

  it('forgets the oldest of more than 10,000 files', () => {
    const files = new LateFiles();
    files.add('first', 0);
    files.add('second', 0);
    for (let count = 0; count < 9_998; count += 1) files.add(String(count), 0);
    files.add('first', 0);
    files.add('another', 0);
    expect(files.take(['first', 'second', '0', 'another'], 0)).toEqual(['first', '0', 'another']);
  });
});
