import { describe, expect, it } from '@jest/globals';
import {
  evaluateConditions,
  hasConditions,
  isRangeCurrent,
} from '../../../../lib/http/serve/conditional-requests.js';

const state = { etag: 'abc', lastModified: new Date('2026-11-23T10:00:00Z') };
const AT = 'Mon, 23 Nov 2026 10:00:00 GMT';
const BEFORE = 'Mon, 23 Nov 2026 09:59:59 GMT';

describe('evaluateConditions and hasConditions', () => {
  it.each([
    [{}, undefined],
    [{ 'if-none-match': '"abc"' }, 304],
    [{ 'if-none-match': 'W/"abc"' }, 304],
    [{ 'if-none-match': '"x", "abc"' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"x"' }, undefined],
    [{ 'if-modified-since': AT }, 304],
    [{ 'if-modified-since': BEFORE }, undefined],
    [{ 'if-modified-since': 'nonsense' }, undefined],
    [{ 'if-none-match': '"x"', 'if-modified-since': AT }, undefined],
    [{ 'if-match': '"abc"' }, undefined],
    [{ 'if-match': '*' }, undefined],
    [{ 'if-match': '"x"' }, 412],
    [{ 'if-match': '"x"', 'if-none-match': '"abc"' }, 412],
    [{ 'if-unmodified-since': AT }, undefined],
    [{ 'if-unmodified-since': BEFORE }, 412],
    [{ 'if-match': '"abc"', 'if-unmodified-since': BEFORE }, undefined],
  ])('evaluate %j to %s', (headers, expected) => {
    expect(evaluateConditions(headers, state)).toBe(expected);
  });

  it('treat a file without ETag and date as changed, except for "any"', () => {
    const unknown = { etag: '', lastModified: undefined };
    expect(evaluateConditions({ 'if-none-match': '""' }, unknown)).toBeUndefined();
    expect(evaluateConditions({ 'if-modified-since': AT }, unknown)).toBeUndefined();
    expect(evaluateConditions({ 'if-none-match': '*' }, unknown)).toBe(304);
  });

  it.each(['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'])(
    'find a condition in a request with %s',
    name => {
      expect([hasConditions({ [name]: 'x' }), hasConditions({ range: 'x' })]).toEqual([
        true,
        false,
      ]);
    },
  );
});

describe('isRangeCurrent', () => {
  it.each([
    [undefined, true],
    ['"abc"', true],
    ['"x"', false],
    ['W/"abc"', false],
    [AT, true],
    [BEFORE, false],
    ['nonsense', false],
  ])('returns for If-Range %s: %s', (condition, expected) => {
    expect(isRangeCurrent({ 'if-range': condition }, state)).toBe(expected);
  });
});
