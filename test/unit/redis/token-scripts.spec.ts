import { describe, expect, it } from '@jest/globals';
import {
  READ_TOKEN,
  RELEASE_LOCK,
  TAKE_LOCK,
  WRITE_TOKEN,
} from '../../../lib/redis/token-scripts.js';

const SCRIPTS = { READ_TOKEN, WRITE_TOKEN, TAKE_LOCK, RELEASE_LOCK };

describe.each(Object.entries(SCRIPTS))('the script %s', (_, script) => {
  const calls = [...script.matchAll(/redis\.p?call\(([^)]*)/g)].map(([, words = '']) => words);

  it('calls Redis as hosted proxies require: literal commands, keys written KEYS[n]', () => {
    const plain = /^'TIME'$|^'(?:GET|SET|DEL|PTTL)', KEYS\[[12]\](?:,|$)/;
    expect(calls.filter(words => !plain.test(words))).toEqual([]);
    expect(calls.length).toBeGreaterThan(0);
  });

  it('keeps neither keys, values nor Redis itself in variables', () => {
    expect(script).not.toMatch(/=\s*(?:KEYS|ARGV|redis)\b(?!\.p?call\(|\[\d\] then)/);
    expect(script).not.toMatch(/(?:KEYS|ARGV)(?!\[\d\])/);
  });

  it('cannot fail for its input after the first write', () => {
    const [, afterWrite = ''] = script.split(/redis\.call\('SET'[^\n]*\n/);
    expect(afterWrite).not.toMatch(/tonumber|'GET'|'TIME'|'PTTL'/);
  });
});
