import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  evaluateConditions,
  hasConditions,
  isRangeCurrent,
  parseRange,
  resolveRange,
} from '../../../../lib/http/serve/conditional-requests.js';
import type { WxCloudByteRange } from '../../../../lib/storage/call-options.js';
import { checkProperty } from '../../../support/properties.js';

const size = fc.oneof(fc.nat(20), fc.maxSafeNat());
const bound = fc.oneof(fc.nat(30).map(String), fc.maxSafeNat().map(String), fc.constant(''));
const rangeHeader = fc.oneof(
  fc.tuple(bound, bound).map(([from, to]) => `bytes=${from}-${to}`),
  fc.string({ unit: fc.constantFrom(...'0159-, =', 'bytes'), maxLength: 30 }),
  fc.string({ unit: 'binary' }),
);
const etag = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), maxLength: 6 });
const state = fc.record({
  etag,
  lastModified: fc.option(fc.date({ noInvalidDate: true }), { nil: undefined }),
});
const condition = fc.option(
  fc.oneof(
    etag.map(tag => `"${tag}"`),
    fc.array(etag).map(tags => tags.map(tag => `W/"${tag}"`).join(', ')),
    fc.date({ noInvalidDate: true }).map(date => date.toUTCString()),
    fc.constantFrom('*', '', '"', ',', 'W/', '*, "a"'),
    fc.string({ unit: 'binary' }),
  ),
  { nil: undefined },
);
const headers = fc.record({
  'if-match': condition,
  'if-none-match': condition,
  'if-modified-since': condition,
  'if-unmodified-since': condition,
  'if-range': condition,
});

/** Undefined when the whole file is sent, or nothing of it is there. */
function findRange(header: string, bytes: number): WxCloudByteRange | undefined {
  const wanted = parseRange(header);
  return wanted && resolveRange(wanted, bytes);
}

/** As the range of a file of so many bytes. */
function boundsOf(
  range: WxCloudByteRange | undefined,
  bytes: number,
): { readonly start: number; readonly end: number } {
  return { start: range?.start ?? 0, end: range?.end ?? bytes - 1 };
}

describe('parseRange and resolveRange', () => {
  it('return a range inside the file, or none, for any header', () =>
    checkProperty(
      fc.property(rangeHeader, size, (header, bytes) => {
        const { start, end } = boundsOf(findRange(header, bytes), bytes);
        fc.pre(bytes > 0);
        expect(start).toBeGreaterThanOrEqual(0);
        expect(start).toBeLessThanOrEqual(end);
        expect(end).toBeLessThan(bytes);
      }),
      500,
    ));

  it('return the range of a valid header', () =>
    checkProperty(
      fc.property(fc.nat(100), fc.nat(100), fc.nat(100), (start, more, behind) => {
        const end = start + more;
        const bytes = end + 1 + behind;
        const find = (header: string): unknown => findRange(header, bytes);
        expect(find(`bytes=${start}-${end}`)).toEqual({ start, end });
        expect(find(`bytes=${start}-`)).toEqual({ start });
        expect(find(`bytes=-${more + 1}`)).toEqual({ start: bytes - more - 1 });
        expect(find(`bytes=${bytes}-`)).toBeUndefined();
      }),
    ));
});

describe('evaluateConditions', () => {
  it('returns 304, 412 or nothing for any header', () =>
    checkProperty(
      fc.property(headers, state, (given, file) => {
        expect([304, 412, undefined]).toContain(evaluateConditions(given, file));
        expect([true, false]).toContain(isRangeCurrent(given, file));
        const known = Object.values(given).filter(value => value !== undefined);
        expect(hasConditions(given)).toBe(known.length > 0);
      }),
      300,
    ));

  it('recognises the file by its own ETag and time', () =>
    checkProperty(
      fc.property(
        etag.filter(tag => tag !== ''),
        fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }),
        (tag, date) => {
          const lastModified = new Date(Math.floor(date.getTime() / 1_000) * 1_000);
          const file = { etag: tag, lastModified };
          const time = lastModified.toUTCString();
          const quoted = `"${tag}"`;
          expect(evaluateConditions({ 'if-none-match': quoted }, file)).toBe(304);
          expect(evaluateConditions({ 'if-match': quoted }, file)).toBeUndefined();
          expect(evaluateConditions({ 'if-match': '"-"' }, file)).toBe(412);
          expect(evaluateConditions({ 'if-modified-since': time }, file)).toBe(304);
          expect(evaluateConditions({ 'if-unmodified-since': time }, file)).toBeUndefined();
          expect(isRangeCurrent({ 'if-range': quoted }, file)).toBe(true);
          expect(isRangeCurrent({ 'if-range': time }, file)).toBe(true);
          expect(isRangeCurrent({ 'if-range': `W/${quoted}` }, file)).toBe(false);
        },
      ),
    ));
});
