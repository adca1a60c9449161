import { describe, expect, it } from '@jest/globals';
import {
  assertNotEncoded,
  isMultipart,
  readBoundary,
} from '../../../lib/multipart/part-headers.js';
import { hostileContentTypes } from '../../support/hostile-forms/broken.js';

const HOSTILE = [...hostileContentTypes()].map(({ contentType }) => contentType);

const ACCEPTED: readonly (readonly [contentType: string, boundary: string])[] = [
  ['multipart/form-data; boundary=b', 'b'],
  ['multipart/form-data;boundary=b', 'b'],
  ['multipart/form-data ; boundary=b ', 'b'],
  ['MULTIPART/FORM-DATA; BOUNDARY=b', 'b'],
  ['multipart/form-data; boundary=B', 'B'],
  ['multipart/form-data; boundary=c', 'c'],
  ['multipart/form-data; boundary=b; boundary=c', 'b'],
  ['multipart/form-data; boundary="b"; boundary=c', 'b'],
  ['multipart/form-data; charset=nonsense; boundary=b', 'b'],
  ['multipart/form-data; boundary=b; charset=utf-8', 'b'],
  ['multipart/form-data; boundary="b c"', 'b c'],
  ['multipart/form-data; boundary="b;c=d"', 'b;c=d'],
  [String.raw`multipart/form-data; boundary="a\"b\\c"`, String.raw`a"b\c`],
  ['multipart/form-data; boundary=----WebKitFormBoundaryAb1', '----WebKitFormBoundaryAb1'],
  ['multipart/form-data; boundary=--', '--'],
  [`multipart/form-data; boundary="abc'()+_,-./:=?"`, "abc'()+_,-./:=?"],
  ['multipart/form-data; boundary=caf\xe9', 'caf\xe9'],
  [`multipart/form-data; boundary=${'x'.repeat(250)}`, 'x'.repeat(250)],
  [`multipart/form-data; ${'a=b; '.repeat(500)}boundary=b`, 'b'],
  ['multipart/form-data;;; boundary=b', 'b'],
  ['multipart/form-data; boundary=b;', 'b'],
  ['multipart/form-data; boundary=b; ;', 'b'],
  ['multipart/form-data; boundary="b" ; ', 'b'],
  ['multipart/form-data; charset=; boundary=b', 'b'],
  ['multipart/form-data; charset; boundary = b', 'b'],
];

const REFUSED: readonly string[] = [
  '',
  'multipart/form-data',
  'multipart/form-data;',
  'multipart/form-data; boundary',
  'multipart/form-data; boundary=',
  'multipart/form-data; boundary=""',
  'multipart/form-data; boundary="b',
  'multipart/form-data; boundary="b"c',
  'multipart/form-data; boundary=b c',
  'multipart/form-data; boundary=b x; c',
  'multipart/form-data boundary=b',
  'multipart/form-data, multipart/form-data; boundary=b',
  'multipart/form-data; boundary=b, multipart/form-data; boundary=b',
  "multipart/form-data; boundary*=UTF-8''b",
  'multipart/form-data; boundary=""; boundary=b',
  'multipart/form-data; boundary="a\tb"',
  'multipart/form-data; boundary="a\r\nb"',
  'multipart/form-data; boundary="a\0b"',
  'multipart/form-data; boundary="a\x7fb"',
  'multipart/form-data; boundary="猫"',
  `multipart/form-data; boundary=${'x'.repeat(251)}`,
  `multipart/form-data; boundary=${'x'.repeat(300)}`,
  'multipart/mixed; boundary=b',
  'multipart/form-data-x; boundary=b',
  'multipart/; boundary=b',
  'multipart; boundary=b',
  'text/plain',
  'text/plain; boundary=b',
  'application/json',
  'application/x-www-form-urlencoded',
];

describe('readBoundary', () => {
  it.each(ACCEPTED)('reads %j', (contentType, boundary) => {
    expect(readBoundary(contentType)).toBe(boundary);
  });

  it.each([...REFUSED, undefined])('rejects %j', contentType => {
    expect(() => readBoundary(contentType)).toThrow(
      expect.objectContaining({ code: 'WX_CLOUD_FORM_INVALID' }),
    );
  });

  it('handles every hostile content type', () => {
    const known = [...ACCEPTED.map(([contentType]) => contentType), ...REFUSED];
    expect(known).toEqual(expect.arrayContaining(HOSTILE));
  });

  it.each([
    ['multipart/form-data', /has no boundary/],
    ['multipart/form-data; boundary=', /has no boundary/],
    ['multipart/form-data; boundary="b', /Content-Type is malformed/],
    ['multipart/mixed; boundary=b', /"multipart\/mixed; boundary=b"; it has to be multipart/],
    [`multipart/${'x'.repeat(100)}`, /"multipart\/x{50}…"/],
    [undefined, /Content-Type is missing/],
  ])('rejects with the reason: %j', (contentType, reason) => {
    expect(() => readBoundary(contentType)).toThrow(reason);
  });

  it('does not repeat a rejected boundary', () => {
    const contentType = 'multipart/form-data; boundary="secret\0"';
    expect(() => readBoundary(contentType)).not.toThrow(/secret/);
    expect(() => readBoundary(contentType)).toThrow(/boundary in its Content-Type/);
  });
});

describe('assertNotEncoded', () => {
  it.each([undefined, '', 'identity', ' Identity '])('accepts the encoding %j', encoding => {
    expect(() => assertNotEncoded(encoding)).not.toThrow();
  });

  it.each(['gzip', 'br', 'gzip, identity', 'x'])('rejects the encoding %j', encoding => {
    expect(() => assertNotEncoded(encoding)).toThrow(`compressed (Content-Encoding "${encoding}")`);
  });
});

describe('isMultipart', () => {
  it.each([
    'multipart/form-data; boundary=b',
    'MULTIPART/Form-Data',
    'multipart/mixed',
    'multipart/',
    'multipart/form-data, text/plain',
  ])('accepts %j', contentType => {
    expect(isMultipart(contentType)).toBe(true);
  });

  it.each([
    undefined,
    '',
    'multipart',
    'text/plain',
    'text/multipart/form-data',
    'application/json; x=multipart/form-data',
  ])('rejects %j', contentType => {
    expect(isMultipart(contentType)).toBe(false);
  });
});
