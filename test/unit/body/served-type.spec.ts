import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { fitsContent, toServedType } from '../../../lib/body/served-type.js';

describe('toServedType', () => {
  it.each([
    ['image/png', 'shown'],
    ['IMAGE/JPEG', 'shown'],
    ['image/vnd.microsoft.icon', 'shown'],
    ['video/mp4', 'shown'],
    ['audio/x-m4a', 'shown'],
    ['text/plain; charset=utf-8', 'shown'],
    ['application/pdf', 'shown'],
    ['image/svg+xml', 'active'],
    ['image/svg', 'active'],
    ['text/html', 'active'],
    ['text/x-server-parsed-html', 'active'],
    ['application/xhtml+xml', 'active'],
    ['application/vnd.wap.xhtml+xml', 'active'],
    ['text/xml', 'active'],
    ['text/xsl', 'active'],
    ['application/rss+xml', 'active'],
    ['video/x+xml', 'active'],
    ['text/javascript', 'active'],
    ['application/x-ecmascript', 'active'],
    ['text/vbscript', 'active'],
    ['text/css', 'active'],
    ['application/wasm', 'active'],
    ['multipart/related', 'active'],
    ['message/rfc822', 'active'],
    ['application/x-shockwave-flash', 'active'],
    ['application/x-java-archive', 'active'],
    ['application/octet-stream', 'passive'],
    ['application/json', 'passive'],
    ['image/unknown', 'passive'],
    ['text/plainly', 'passive'],
    ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'passive'],
    ['image/png, text/html', 'unreadable'],
    ['', 'unreadable'],
  ])('maps %s to %s', (type, kind) => {
    expect(toServedType(type).kind).toBe(kind);
  });

  it('shows only types of its list inline, whatever is stored', () => {
    const shown =
      /^(?:image\/[a-z.-]+|(?:audio|video)\/[\w.-]+|application\/pdf|text\/plain; charset=(?:utf-8|gbk|gb18030|big5))$/;
    const types = fc.constantFrom('image/', 'audio/', 'video/', 'text/', 'application/', '');
    const words = fc.constantFrom(
      'png',
      'svg',
      '+xml',
      'html',
      'pdf',
      'plain',
      ',',
      ';',
      '"',
      ' ',
      'charset=',
      'utf-7',
    );
    fc.assert(
      fc.property(types, fc.array(words, { maxLength: 6 }), (type, rest) => {
        const served = toServedType(type + rest.join(''));
        fc.pre(served.kind === 'shown');
        expect(served.contentType).toMatch(shown);
        expect(served.contentType).not.toMatch(/\/svg$|\+xml$|html/);
      }),
      { maxSkipsPerRun: 10_000 },
    );
  });
});

describe('fitsContent', () => {
  it.each([
    ['image/png', 'image/png', true],
    ['image/PNG; a=b', 'image/png', true],
    ['image/jpg', 'image/jpeg', true],
    ['image/png', 'image/apng', true],
    ['application/octet-stream', 'image/png', true],
    ['application/octet-stream', undefined, true],
    ['text/plain', undefined, true],
    ['text/csv', undefined, true],
    ['image/png', undefined, true],
    ['audio/mp4', 'video/mp4', true],
    ['audio/ogg', 'application/ogg', true],
    ['application/vnd.oasis.opendocument.text', 'application/zip', true],
    ['application/msword', 'application/x-cfb', true],
    ['image/svg+xml', 'application/xml', true],
    ['text/html', 'text/html', true],
    ['image/png', 'image/jpeg', false],
    ['image/png', 'application/pdf', false],
    ['image/png', 'application/zip', false],
    ['text/plain', 'image/png', false],
    ['application/json', 'image/png', false],
    ['text/html', 'image/png', false],
    ['text/html', undefined, false],
    ['text/html', 'application/xml', false],
    ['image/svg+xml', undefined, false],
    ['image/svg+xml', 'image/png', false],
    ['text/javascript', 'application/zip', false],
    ['image/png;,text/html', 'image/png', false],
    ['image/png,text/html', undefined, false],
    ['nonsense', 'image/png', false],
    ['', undefined, false],
  ])('returns for a file stored as %j whose bytes show %j: %j', (stored, detected, expected) => {
    expect(fitsContent(stored, detected)).toBe(expected);
  });
});
