import { describe, expect, it } from '@jest/globals';
import { detectContentType, isAcceptedType } from '../../../lib/body/content-type.js';

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe('detectContentType', () => {
  it.each([
    ['PNG', png, { contentType: 'image/png', extension: 'png' }],
    [
      'JPEG',
      Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex'),
      { contentType: 'image/jpeg', extension: 'jpg' },
    ],
    [
      'GIF',
      Buffer.from('GIF89a\u0001\u0000\u0001\u0000', 'latin1'),
      { contentType: 'image/gif', extension: 'gif' },
    ],
    [
      'WebP',
      Buffer.from('RIFF\u0024\u0000\u0000\u0000WEBPVP8 ', 'latin1'),
      { contentType: 'image/webp', extension: 'webp' },
    ],
    [
      'PDF',
      Buffer.from('%PDF-1.7\n%\u00e2\u00e3\u00cf\u00d3\n', 'latin1'),
      { contentType: 'application/pdf', extension: 'pdf' },
    ],
  ])('recognises %s by its first bytes', async (_, head, expected) => {
    await expect(detectContentType(head)).resolves.toEqual(expected);
  });

  it.each([
    ['HTML', Buffer.from('<!doctype html><script>alert(1)</script>')],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>')],
    ['plain text', Buffer.from('hello')],
    ['nothing', Buffer.alloc(0)],
    ['three bytes', png.subarray(0, 3)],
    ['zeros', Buffer.alloc(4_100)],
    ['noise', Buffer.from(Array.from({ length: 4_100 }, (__, index) => (index * 37 + 91) % 256))],
    ['a name that lies', Buffer.from('cat.png')],
  ])('recognises nothing in %s', async (_, head) => {
    await expect(detectContentType(head)).resolves.toBeUndefined();
  });

  it.each([
    ['a ZIP archive', 'PK\u0003\u0004'],
    ['an MP4 file', '\u0000\u0000\u0000\u0018ftyp'],
    ['a RIFF file', 'RIFF'],
    ['a gzip file', '\u001f\u008b\u0008'],
    ['an ID3 tag', 'ID3\u0003\u0000\u0000\u007f\u007f\u007f\u007f'],
    ['a PNG', '\u0089PNG\r\n\u001a\n'],
    ['a TIFF', 'II*\u0000\u00ff\u00ff\u00ff\u00ff'],
    ['an ASF file', '\u0030\u0026\u00b2\u0075\u008e\u0066\u00cf\u0011\u00a6\u00d9'],
  ])('survives %s that is cut off', async (_, head) => {
    const found = await detectContentType(Buffer.from(head, 'latin1'));
    expect(['undefined', 'object']).toContain(typeof found);
  });
});

describe('isAcceptedType', () => {
  it.each([
    ['image/png', ['image/png'], true],
    ['image/png', ['image/jpeg', 'image/png'], true],
    ['image/png', ['image/*'], true],
    ['image/svg+xml', ['image/*'], true],
    ['image/png', ['*'], true],
    ['image/png', ['*/*'], true],
    ['IMAGE/PNG', ['image/png'], true],
    ['image/png', ['Image/*'], true],
    ['text/plain; charset=utf-8', ['text/plain'], true],
    ['text/plain', ['text/plain;charset=utf-8'], true],
    [' image/png ', ['image/png '], true],
    ['image/png', [], false],
    ['image/png', ['image/jpeg'], false],
    ['image/png', ['image/p'], false],
    ['image/png', ['image'], false],
    ['image/png', ['image/'], false],
    ['imagery/png', ['image/*'], false],
    ['x-image/png', ['image/*'], false],
    ['application/image/png', ['image/*'], false],
    ['image/png', ['im*/png'], false],
    ['', ['image/*'], false],
    ['image/png;,text/html', ['image/*'], false],
    ['image/png, text/html', ['image/*'], false],
    ['image/png\r\nX-A: b', ['*/*'], false],
    [undefined, ['*/*'], false],
    [undefined, [], false],
  ])('returns for %p and the patterns %p: %p', (contentType, accepted, expected) => {
    expect(isAcceptedType(contentType, accepted)).toBe(expected);
  });
});
