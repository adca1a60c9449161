import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { formatMediaType, parseMediaType } from '../../../lib/body/content-type.js';

describe('parseMediaType', () => {
  it.each([
    ['image/png', 'image/png'],
    ['IMAGE/PNG', 'image/png'],
    ['image/svg+xml', 'image/svg+xml'],
    ['application/vnd.ms-excel', 'application/vnd.ms-excel'],
    ['text/plain;charset=utf-8', 'text/plain; charset=utf-8'],
    ['text/plain ;  Charset=UTF-8', 'text/plain; charset=UTF-8'],
    ['text/plain; charset="utf-8"', 'text/plain; charset=utf-8'],
    ['text/plain; charset="\\u\\t\\f-8"', 'text/plain; charset=utf-8'],
    ['text/plain; x="a;b"', 'text/plain; x="a;b"'],
    ['text/plain; x="a\\"b\\\\"', 'text/plain; x="a\\"b\\\\"'],
    ['text/plain; x=""', 'text/plain; x=""'],
    ['image/png;', 'image/png'],
    ['image/png;; ;a=b', 'image/png; a=b'],
  ])('reads %j', (text, expected) => {
    expect(rewrite(text)).toBe(expected);
  });

  it.each([
    '',
    'image',
    'image/',
    '/png',
    'image/png/x',
    ' image/png',
    'image/png ',
    'image /png',
    'image/*',
    '*/*',
    'image/png;,text/html',
    'image/png,text/html',
    'image/png, text/html',
    'text/html;charset="a,b"',
    'image/png\ttext/html',
    'image/png;\ta=b',
    'image/png\r\nX-A: b',
    'image/png\u0000',
    'image/\u00e9',
    'image/png;a="\u00e9"',
    'image/png text/html',
    'image/png; a',
    'image/png; a=',
    'image/png; =b',
    'image/png; a =b',
    'image/png; a= b',
    'image/png; a="b',
    'image/png; a="b"c',
    'image/png; a="b\\"',
    "image/png; a='b c'",
    'text/plain; charset=utf-8; charset=utf-7',
    'text/plain; charset=utf-8; CHARSET="utf-8"',
    'text/plain<script>',
    'text/plain(comment)',
    `image/${'x'.repeat(128)}`,
    `image/png; a=${'x'.repeat(255)}`,
  ])('rejects %j', text => {
    expect(parseMediaType(text)).toBeUndefined();
  });

  it('reads what formatMediaType writes as the same type', () => {
    fc.assert(
      fc.property(mediaTypes(), mediaType => {
        expect(parseMediaType(formatMediaType(mediaType))).toEqual(mediaType);
      }),
    );
  });

  it('accepts nothing that a header cannot carry or that holds two types', () => {
    fc.assert(
      fc.property(oddTexts(), text => {
        const parsed = parseMediaType(text);
        fc.pre(parsed !== undefined);
        expect(text).toMatch(/^[\x20-\x2b\x2d-\x7e]{1,255}$/);
        expect(parseMediaType(formatMediaType(parsed))).toEqual(parsed);
        expect(parsed.essence).toMatch(/^[^\s;,"/]+\/[^\s;,"/]+$/);
      }),
      { numRuns: 1_000, maxSkipsPerRun: 1_000 },
    );
  });

  it('returns undefined for any other text and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), text => {
        expect(['undefined', 'object']).toContain(typeof parseMediaType(text));
      }),
    );
  });
});

function rewrite(text: string): string | undefined {
  const parsed = parseMediaType(text);
  return parsed && formatMediaType(parsed);
}

function textOf(characters: string, constraints: fc.ArrayConstraints): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...characters), constraints).map(found => found.join(''));
}

function mediaTypes() {
  const names = textOf('abz019.+-_', { minLength: 1, maxLength: 8 }).map(name => `x${name}`);
  const values = textOf('abYZ09 ;="\\/()<>@:?[]{}', { maxLength: 8 });
  const parameters = fc.uniqueArray(fc.tuple(names, values), {
    maxLength: 3,
    selector: ([name]) => name,
  });
  return fc.record({
    essence: fc.tuple(names, names).map(([type, subtype]) => `${type}/${subtype}`),
    parameters: parameters.map(found => new Map(found)),
  });
}

/** Valid types with anything put into them. */
function oddTexts(): fc.Arbitrary<string> {
  const chunks = [...'/;=," \t\\\r\n\u0000\u00e9\u4e2d', 'image/png', 'charset', 'a=b', '"x"'];
  return fc
    .tuple(
      mediaTypes().map(formatMediaType),
      fc.array(fc.tuple(fc.nat(60), fc.constantFrom(...chunks)), { maxLength: 3 }),
    )
    .map(([text, insertions]) =>
      insertions.reduce((all, [at, chunk]) => all.slice(0, at) + chunk + all.slice(at), text),
    );
}
