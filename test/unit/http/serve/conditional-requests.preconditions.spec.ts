import { describe, expect, it } from '@jest/globals';
import {
  evaluateConditions,
  hasConditions,
  isRangeCurrent,
} from '../../../../lib/http/serve/conditional-requests.js';

const state = { etag: 'abc', lastModified: new Date('2026-11-23T10:00:00Z') };
const AT = 'Mon, 23 Nov 2026 10:00:00 GMT';
const BEFORE = 'Mon, 23 Nov 2026 09:59:59 GMT';

describe('conditions', () => {
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
  ])('%j are answered with %s', (headers, expected) => {
    expect(evaluateConditions(headers, state)).toBe(expected);
  });

  it('on a file without ETag and date are met, but by "any"', () => {
    const unknown = { etag: '', lastModified: undefined };
    expect(evaluateConditions({ 'if-none-match': '""' }, unknown)).toBeUndefined();
    expect(evaluateConditions({ 'if-modified-since': AT }, unknown)).toBeUndefined();
    expect(evaluateConditions({ 'if-none-match': '*' }, unknown)).toBe(304);
  });

  it.each(['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'])(
    'are seen by %s',
    name => {
      expect([hasConditions({ [name]: 'x' }), hasConditions({ range: 'x' })]).toEqual([
        true,
        false,
      ]);
    },
  );
});

describe('a range', () => {
  it.each([
    [undefined, true],
    ['"abc"', true],
    ['"x"', false],
    ['W/"abc"', false],
    [AT, true],
    [BEFORE, false],
    ['nonsense', false],
  ])('with If-Range %s counts: %s', (condition, expected) => {
    expect(isRangeCurrent({ 'if-range': condition }, state)).toBe(expected);
  });
});
