import { describe, expect, it } from '@jest/globals';
import {
  readProperties,
  toPropertyHeaders,
  type ObjectProperties,
} from '../../../lib/storage/object-properties.js';

const responseWith = (headers: Readonly<Record<string, string>>) => ({
  header: (name: string) => headers[name],
  headerNames: () => Object.keys(headers),
});

describe('toPropertyHeaders', () => {
  it('returns a header for each property', () => {
    const headers = toPropertyHeaders({
      metadata: { 'Order-ID': '42' },
      cacheControl: 'max-age=3600',
      contentDisposition: 'attachment; filename="a.pdf"',
    });
    expect(headers).toEqual({
      'x-cos-meta-order-id': '42',
      'cache-control': 'max-age=3600',
      'content-disposition': 'attachment; filename="a.pdf"',
    });
  });

  it('returns none without properties', () => {
    expect(toPropertyHeaders({})).toEqual({});
    expect(toPropertyHeaders({ metadata: {}, cacheControl: undefined })).toEqual({});
  });

  it.each([
    ['plain', 'a b/c=d', 'a b/c=d'],
    ['with a percent sign', '100%', '100%25'],
    ['Chinese', '\u732b', '%E7%8C%AB'],
    ['outside the first plane', '\u{1f63a}', '%F0%9F%98%BA'],
    ['with a line break', 'a\r\nx: y', 'a%0D%0Ax: y'],
    ['with spaces at its ends', '  a ', '%20%20a%20'],
    ['of spaces', '  ', '%20%20'],
    ['empty', '', ''],
  ])('encodes a text so that it comes back: %s', (_, text, encoded) => {
    const headers = toPropertyHeaders({ metadata: { a: text } });
    expect(headers).toEqual({ 'x-cos-meta-a': encoded });
    expect(readProperties(responseWith(headers)).metadata).toEqual({ a: text });
  });

  it('accepts texts of 2048 bytes, and 4096 together with their names', () => {
    const metadata = { a: 'x'.repeat(2_048), b: 'x'.repeat(2_046) };
    expect(Object.keys(toPropertyHeaders({ metadata }))).toHaveLength(2);
  });

  it.each<[string, ObjectProperties]>([
    ['"fileid" is reserved', { metadata: { fileid: 'x' } }],
    ['"FileID" is reserved', { metadata: { FileID: 'x' } }],
    ['"a_b" has characters', { metadata: { a_b: 'x' } }],
    ['"" has characters', { metadata: { '': 'x' } }],
    ['"\u732b" has characters', { metadata: { '\u732b': 'x' } }],
    ['"A" appears twice', { metadata: { a: 'x', A: 'y' } }],
    ['"a" has a value', { metadata: { a: 1 as never } }],
    ['"a" has a text', { metadata: { a: '\ud800' } }],
    ['"a" takes more than 2048 bytes', { metadata: { a: 'x'.repeat(2_049) } }],
    ['"a" takes more than 2048 bytes', { metadata: { a: '\u732b'.repeat(228) } }],
    ['together take more than 4096', { metadata: { a: 'x'.repeat(2_048), b: 'x'.repeat(2_047) } }],
    ['metadata must be', { metadata: 'x' as never }],
    ['metadata must be', { metadata: [] as never }],
    ['metadata must be', { metadata: null as never }],
    ['cacheControl must be', { cacheControl: '' }],
    ['cacheControl must be', { cacheControl: ' no-store' }],
    ['cacheControl must be', { cacheControl: 'a\r\nb: c' }],
    ['cacheControl must be', { cacheControl: 'x'.repeat(2_049) }],
    ['contentDisposition must be', { contentDisposition: 'attachment; filename="\u732b.png"' }],
    ['contentDisposition must be', { contentDisposition: 1 as never }],
  ])('refuses what cannot be stored: %s', (message, properties) => {
    expect(() => toPropertyHeaders(properties)).toThrow(
      expect.objectContaining({
        code: 'WX_CLOUD_ARGUMENT_INVALID',
        message: expect.stringContaining(message),
      }),
    );
  });
});

describe('readProperties', () => {
  it('leaves out the signed file ID and headers of COS', () => {
    const headers = {
      'content-type': 'text/plain',
      'x-cos-meta-fileid': 'signed',
      'x-cos-request-id': '1',
      'x-cos-meta-a': '1',
    };
    expect(readProperties(responseWith(headers))).toEqual({ metadata: { a: '1' } });
  });

  it('returns a text of another writer as it is', () => {
    expect(readProperties(responseWith({ 'x-cos-meta-a': '100%' })).metadata).toEqual({
      a: '100%',
    });
  });

  it.each([
    [{ 'x-cos-force-download': 'true' }, 'attachment', undefined],
    [{ 'x-cos-force-download': 'true' }, 'attachment; filename="a"', 'attachment; filename="a"'],
    [{}, 'attachment', 'attachment'],
  ])('tells a stored disposition from that of COS: %j %s', (more, sent, stored) => {
    const headers = { ...more, 'content-disposition': sent, 'cache-control': 'no-store' };
    expect(readProperties(responseWith(headers))).toEqual({
      metadata: {},
      cacheControl: 'no-store',
      contentDisposition: stored,
    });
  });
});
