import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { Secret } from '../../../lib/options/resolved-options.js';

const VALUE = 'a-secret-value';

describe('Secret', () => {
  const secret = new Secret(VALUE);

  it('returns its value from reveal only', () => {
    expect(secret.reveal()).toBe(VALUE);
  });

  it('equals another one of the same value only', () => {
    expect(secret.equals(new Secret(VALUE))).toBe(true);
    expect(secret.equals(new Secret(`${VALUE}!`))).toBe(false);
  });

  it.each([
    ['a template', `${String(secret)}`],
    ['a concatenation', ''.concat(secret as unknown as string)],
    ['JSON', JSON.stringify({ secret })],
    ['an inspection', inspect({ nested: { secret } }, { depth: Infinity, showHidden: true })],
    [
      'an inspection without custom functions',
      inspect(secret, { customInspect: false, showHidden: true }),
    ],
    ['its keys', Object.keys(secret).join()],
    ['a copy', inspect({ ...secret })],
  ])('shows nothing in %s', (_, shown) => {
    expect(shown).not.toContain(VALUE);
  });
});
