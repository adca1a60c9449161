import { describe, expect, it } from '@jest/globals';
import { parseRange, resolveRange } from '../../../../lib/http/serve/conditional-requests.js';

describe('parseRange and resolveRange', () => {
  it.each([
    ['bytes=0-99', { start: 0, end: 99 }],
    ['bytes=5-', { start: 5 }],
    ['bytes=-5', { lastBytes: 5 }],
    ['BYTES=1-1', { start: 1, end: 1 }],
    [' bytes=1-2 ', { start: 1, end: 2 }],
    ['bytes=2-1', undefined],
    ['bytes=-', undefined],
    ['bytes=0-1,3-4', undefined],
    ['bytes=a-b', undefined],
    ['bytes=1.5-2', undefined],
    ['bytes=99999999999999999999-', undefined],
    ['items=0-1', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('read %j as %j', (header, expected) => {
    expect(parseRange(header)).toEqual(expected);
  });

  it.each([
    [{ start: 0, end: 99 }, 10, { start: 0, end: 9 }],
    [{ start: 3, end: 5 }, 10, { start: 3, end: 5 }],
    [{ start: 9 }, 10, { start: 9 }],
    [{ start: 10 }, 10, undefined],
    [{ lastBytes: 3 }, 10, { start: 7 }],
    [{ lastBytes: 30 }, 10, { start: 0 }],
    [{ lastBytes: 0 }, 10, undefined],
    [{ lastBytes: 1 }, 0, undefined],
    [{ start: 0 }, 0, undefined],
  ])('resolve %j of %d bytes to %j', (range, size, expected) => {
    expect(resolveRange(range, size)).toEqual(expected);
  });
});
