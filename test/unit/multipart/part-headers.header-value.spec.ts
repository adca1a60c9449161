import { describe, expect, it } from '@jest/globals';
import { parseHeaderValue } from '../../../lib/multipart/part-headers.js';

/** The parsed header, with its parameters as an object. */
function parse(text: string) {
  const parsed = parseHeaderValue(text);
  return parsed && { value: parsed.value, ...Object.fromEntries(parsed.parameters) };
}

describe('parseHeaderValue', () => {
  it.each([
    ['', { value: '' }],
    ['form-data', { value: 'form-data' }],
    [' \tFORM-Data\t ', { value: 'form-data' }],
    ['multipart/form-data;boundary=b', { value: 'multipart/form-data', boundary: 'b' }],
    ['multipart/form-data ; \t boundary=b ', { value: 'multipart/form-data', boundary: 'b' }],
    ['; name=a', { value: '', name: 'a' }],
    ['a; NAME=Value', { value: 'a', name: 'Value' }],
    ['a; b=c; d=e;f=g', { value: 'a', b: 'c', d: 'e', f: 'g' }],
    ['a; b=first; B=second', { value: 'a', b: 'first' }],
    ["a; filename*=UTF-8''%E7", { value: 'a', 'filename*': "UTF-8''%E7" }],
    ["a; !#$%&'*+.^`|~-_09=c", { value: 'a', "!#$%&'*+.^`|~-_09": 'c' }],
    ['a; b==c', { value: 'a', b: '=c' }],
    ['a; b=x/y:(z)@', { value: 'a', b: 'x/y:(z)@' }],
    ['a;', { value: 'a' }],
    ['a; ', { value: 'a' }],
    ['a ; ; ', { value: 'a' }],
    ['a;;b=c', { value: 'a', b: 'c' }],
    ['a; ;\t;b=c;', { value: 'a', b: 'c' }],
    ['a; b', { value: 'a', b: '' }],
    ['a; b; c=d', { value: 'a', b: '', c: 'd' }],
    ['a; b=', { value: 'a', b: '' }],
    ['a; b=;c=d', { value: 'a', b: '', c: 'd' }],
    ['a; b = c', { value: 'a', b: 'c' }],
    ['a; b = "c" ; d', { value: 'a', b: 'c', d: '' }],
    ['a; __proto__=b', JSON.parse('{"value":"a","__proto__":"b"}')],
  ])('reads %j', (text, expected) => {
    expect(parse(text)).toEqual(expected);
  });
});

describe('parseHeaderValue with a quoted parameter', () => {
  it.each([
    ['""', ''],
    ['"a b"', 'a b'],
    ['" a "', ' a '],
    ['"a;b=c,d"', 'a;b=c,d'],
    [String.raw`"a\"b"`, 'a"b'],
    [String.raw`"\""`, '"'],
    [String.raw`"a\\b"`, String.raw`a\b`],
    [String.raw`"a\\"`, 'a\\'],
    [String.raw`"a\\\""`, String.raw`a\"`],
    [String.raw`"a\\\\"`, String.raw`a\\`],
    [String.raw`"C:\dir\a.png"`, String.raw`C:\dir\a.png`],
    [String.raw`"\a"`, String.raw`\a`],
    [String.raw`"\\server\a"`, String.raw`\server\a`],
    ['"\xe7\x8c\xab\xff"', '\xe7\x8c\xab\xff'],
    ['"tab\there"', 'tab\there'],
    ["'a'", "'a'"],
  ])('reads %j', (written, expected) => {
    const other = { value: 'form-data', other: 'x' };
    expect(parse(`form-data; name=${written}; other=x`)).toEqual({ ...other, name: expected });
    expect(parse(`form-data; other=x;name=${written}`)).toEqual({ ...other, name: expected });
  });
});

describe('parseHeaderValue with an unquoted parameter', () => {
  it.each([
    ['letters beyond ASCII', '\xe9t\xe9.png'],
    ['UTF-8 with a byte that is a space in Latin-1', Buffer.from('你à.png').toString('latin1')],
  ])('reads %s', (_, name) => {
    expect(parse(`form-data; filename=${name}`)).toEqual({ value: 'form-data', filename: name });
  });
});

describe('parseHeaderValue with an unescaped file name', () => {
  it.each([
    ['filename="b"c"', { filename: 'b"c' }],
    ['filename="b"c"; name="d"', { filename: 'b"c', name: 'd' }],
    ['filename="b" "c"; name="d"', { filename: 'b" "c', name: 'd' }],
    ['filename=b c', { filename: 'b c' }],
    ['filename=b;c', { filename: 'b;c' }],
    ['filename=b; c', { filename: 'b; c' }],
    ['filename=b;c=d', { filename: 'b;c=d' }],
    ['filename=b; c=d', { filename: 'b', c: 'd' }],
    ['filename=b ;name=d', { filename: 'b', name: 'd' }],
    ['filename=b"c', { filename: 'b"c' }],
    ['filename; name=d', { filename: '', name: 'd' }],
    ['filename=', { filename: '' }],
    ["filename*=utf-8''b;c.png", { 'filename*': "utf-8''b;c.png" }],
    ['filename*=utf-8\'\'b;c; filename="d"', { 'filename*': "utf-8''b;c", filename: 'd' }],
    ["filename*=utf-8''b;;", { 'filename*': "utf-8''b" }],
  ])('reads %s', (parameters, expected) => {
    const read = parse(`a; ${parameters}`);
    expect(read).toEqual(expect.objectContaining(expected));
  });
});

describe('parseHeaderValue with a malformed header', () => {
  it.each([
    'a; =b',
    'a; b=c d',
    'a; b c=d',
    'a; filename="b',
    'a; b=c"d',
    'a; b="c',
    'a; b="c"d',
    'a; b="c""d"',
    String.raw`a; b="c\"`,
    String.raw`a; b="c\\\"`,
    'a b',
    'a "b"',
    '"a"',
    'a, b; c=d',
    'a; b(c)=d',
    'a; b\0=c',
    'a; ü=c',
    'a; b=c, a; b=d',
  ])('rejects %j', text => {
    expect(parseHeaderValue(text)).toBeUndefined();
  });
});

describe('parseHeaderValue with a long header', () => {
  /** Jest's own timer does not run while a pattern is searched; it ends the test here. */
  const letTimersRun = async (): Promise<void> => {
    await new Promise(resolve => setImmediate(resolve));
    await new Promise(resolve => setImmediate(resolve));
  };

  it.each([
    ['backslashes', '\\'],
    ['escaped quotes', '\\"'],
    ['escaped backslashes and letters', '\\\\a'],
    ['backslashes and letters', '\\a'],
    ['letters', 'a'],
    ['semicolons', ';'],
    ['spaces', ' '],
    ['parameters', '; a=b'],
  ])('rejects %s without an end', async (_, chunk) => {
    for (const start of ['', 'a', 'a; b="', 'a; b=', 'a; b', 'a; ', 'a; b=c']) {
      for (const length of [16_384, 200_000]) {
        const text = `${start}${chunk.repeat(length / chunk.length)}`;
        expect(parseHeaderValue(`${text}\n`)).toBeUndefined();
      }
    }
    await letTimersRun();
  });

  it.each([
    ['quotes', '"'],
    ['quotes and spaces', '" '],
    ['quotes and semicolons', '";'],
    ['semicolons', ';'],
    ['semicolons and spaces', '; '],
    ['spaces', ' '],
    ['parameters', '; a=b'],
    ['parameters without a value', '; a'],
    ['backslashes', '\\'],
    ['escaped quotes', '\\"'],
  ])('takes linear time for %s in a file name', async (_, chunk) => {
    for (const start of ['filename="', 'filename=', "filename*=utf-8''", 'filename="a" ']) {
      for (const end of ['', '\n', '"', '"x', '; name=a', '; name="b']) {
        parseHeaderValue(`a; ${start}${chunk.repeat(200_000 / chunk.length)}${end}`);
      }
    }
    await letTimersRun();
    expect(parseHeaderValue('a')).toBeDefined();
  });

  it('reads many parameters', () => {
    const names = Array.from({ length: 2_000 }, (_, index) => `n${index}`);
    const text = `a${names.map(name => `; ${name}="\\"${name}\\""`).join('')}`;
    expect(parseHeaderValue(text)?.parameters).toEqual(
      new Map(names.map(name => [name, `"${name}"`])),
    );
  });

  it('reads one long parameter', () => {
    const value = '\\"'.repeat(8_000);
    expect(parseHeaderValue(`a; b="${value}"`)?.parameters.get('b')).toBe('"'.repeat(8_000));
  });
});
