import { describe, expect, it } from '@jest/globals';
import { parsePartHeaders } from '../../../lib/multipart/part-headers.js';

const INVALID = expect.objectContaining({ code: 'WX_CLOUD_FORM_INVALID' });
const DISPOSITION = 'content-disposition: form-data; name="f"';

/** Reads a head of the given lines, which are UTF-8. */
function parse(...lines: readonly string[]) {
  return parsePartHeaders(Buffer.from(lines.map(line => `${line}\r\n`).join('')), 2_000, 7);
}

/** The headers of a file part, with the name as it is in the form. */
function fileNameOf(parameters: string): string | undefined {
  return parse(`${DISPOSITION}; ${parameters}`)?.fileName;
}

describe('parsePartHeaders', () => {
  it('reads the name of a text field and the defaults of multer', () => {
    expect(parse(DISPOSITION)).toEqual({
      name: 'f',
      nameBytes: 1,
      fileName: undefined,
      mimetype: 'text/plain',
      charset: undefined,
      encoding: '7bit',
    });
  });

  it('reads everything that the client says about a file', () => {
    const head = parse(
      'Content-Disposition: form-data; name="photo"; filename="猫.png"',
      'CONTENT-TYPE: Image/PNG; charset=Binary',
      'content-Transfer-Encoding:BASE64',
      'X-Other: x',
    );
    expect(head).toEqual({
      name: 'photo',
      nameBytes: 5,
      fileName: '猫.png',
      mimetype: 'image/png',
      charset: 'Binary',
      encoding: 'base64',
    });
  });

  it.each([
    ['no line', []],
    ['no disposition', ['content-type: text/plain']],
    ['an empty disposition', ['content-disposition:']],
    ['a disposition of semicolons', ['content-disposition: ;;;;']],
    ['a disposition that is a parameter', ['content-disposition: ; form-data']],
    ['the disposition of an attachment', ['content-disposition: attachment; name="f"']],
    ['the disposition of a file', ['content-disposition: file; name="f"; filename="a"']],
    ['an empty disposition before a good one', ['content-disposition:', DISPOSITION]],
  ] as const)('skips headers with %s', (_, lines) => {
    expect(parse(...lines)).toBeUndefined();
  });

  it('uses the first of two headers of a name', () => {
    expect(
      parse(DISPOSITION, 'content-disposition: form-data; name="g"', 'A: b', 'a: c'),
    ).toMatchObject({ name: 'f' });
  });

  it.each([
    ['by a space', [' name="f"'], 'f'],
    ['by a tab', ['\tname="f"'], 'f'],
    ['by many', [' \t  name="f"'], 'f'],
    ['twice', ['\t name="f";', '  filename="a"'], 'f'],
    ['inside a quoted name', [' name="f', '\tg"'], 'f g'],
  ])('reads headers folded %s', (_, lines, name) => {
    expect(parse('content-disposition: form-data;', ...lines)?.name).toBe(name);
  });

  it.each([
    ['a line without a colon', 'nonsense'],
    ['an empty line', ''],
    ['a line without a name', ': x'],
    ['a space behind a name', 'x : y'],
    ['a name beyond ASCII', 'ü: y'],
    ['a name in brackets', '(x): y'],
    ['a bare line feed', 'x: a\nb'],
    ['a bare carriage return', 'x: a\rb'],
    ['a NUL in the name of a header', 'x\0: y'],
    ['a bare line feed in the name of a file', `${DISPOSITION}; filename="a\nb"`],
    ['a disposition that cannot be read', 'content-disposition: form-data; name="f'],
    ['a name with more behind a quote', 'content-disposition: form-data; name="f"g"'],
    ['a name of several words', 'content-disposition: form-data; name=f g'],
  ])('rejects %s', (_, line) => {
    expect(() => parse(line, DISPOSITION)).toThrow(INVALID);
  });

  it.each([
    ['nonsense', /headers of part 7 are malformed: line 1 is not of the form "name: value"/],
    ['content-disposition: form-data; name="f', /part 7 .* Content-Disposition cannot be read/],
  ])('rejects with the number of the part and the reason: %s', (line, reason) => {
    expect(() => parse(line, DISPOSITION)).toThrow(reason);
  });

  it('rejects headers that begin with a folded line', () => {
    expect(() => parse(' folded', DISPOSITION)).toThrow(INVALID);
  });

  it.each([
    ['a tab', 'x: a\tb'],
    ['control characters', 'x: \0\x01\x0b\x1b[0m\x7f'],
    ['nothing', 'x:'],
    ['spaces', 'x:   '],
    ['a colon', 'x: a: b'],
    ['any bytes beyond ASCII', 'x: 猫\u0080\u009f'],
    ['a name of all characters that it may have', "!#$%&'*+.^_`|~-09aZ: x"],
  ])('accepts a header of %s', (_, line) => {
    expect(parse(line, DISPOSITION)).toMatchObject({ name: 'f' });
  });

  it('accepts the maximum of lines, folded ones counted once, and not one more', () => {
    const head = (count: number): Buffer =>
      Buffer.from(`${DISPOSITION}\r\n${'x: y\r\n z\r\n'.repeat(count - 1)}`);
    expect(parsePartHeaders(head(3), 3, 1)).toMatchObject({ name: 'f' });
    expect(() => parsePartHeaders(head(4), 3, 1)).toThrow(INVALID);
    expect(() => parsePartHeaders(head(1), 0, 1)).toThrow(INVALID);
    expect(parsePartHeaders(Buffer.alloc(0), 0, 1)).toBeUndefined();
  });

  it.each([
    ['spaces in front of a line feed', `x:${' '.repeat(200_000)}\n`],
    ['spaces and tabs in front of one', `x:${' \t'.repeat(100_000)}\n`],
    ['folds in front of one', `x:${'\r\n '.repeat(70_000)}\n`],
    ['letters in front of one', `x:${'y'.repeat(200_000)}\n`],
    ['letters without a colon', 'x'.repeat(200_000)],
    ['colons in front of one', `x${':'.repeat(200_000)}\n`],
  ])(
    'rejects without backtracking %s',
    async (_, line) => {
      expect(() => parse(line, DISPOSITION)).toThrow(INVALID);
      // Jest's own timer does not run while a pattern is searched; it ends the test here.
      await new Promise(resolve => setImmediate(resolve));
      await new Promise(resolve => setImmediate(resolve));
    },
    5_000,
  );
});

describe('parsePartHeaders with a field name', () => {
  it.each([
    ['name="猫"', '猫', 3],
    ['name="😀"', '😀', 4],
    ['name="a%22b"', 'a"b', 5],
    ['name="a%0D%0Ab%0a"', 'a\r\nb\n', 11],
    ['name="a%20b%00%E7%8C%AB%"', 'a%20b%00%E7%8C%AB%', 18],
    ['name="%2522"', '%2522', 5],
    [String.raw`name="a\"b\\c"`, String.raw`a"b\c`, 5],
    ['name="a[b][]"', 'a[b][]', 6],
    ['name="../../a"', '../../a', 7],
    ['name=" a "', ' a ', 3],
    ['name=a', 'a', 1],
    ['NAME="a"; name="b"', 'a', 1],
  ])('reads it from %s', (parameter, name, nameBytes) => {
    expect(parse(`content-disposition: form-data; ${parameter}`)).toMatchObject({
      name,
      nameBytes,
    });
  });

  it.each(['filename="a"', 'name=""', "name*=UTF-8''a"])('finds none in %s', parameter => {
    const head = parse(`content-disposition: form-data; ${parameter}`);
    expect(head).toMatchObject({ name: undefined, nameBytes: 0 });
  });

  it('reads bytes that are not UTF-8', () => {
    const head = Buffer.from('content-disposition: form-data; name="caf\xe9"\r\n', 'latin1');
    expect(parsePartHeaders(head, 1, 1)).toMatchObject({ name: 'caf\ufffd', nameBytes: 4 });
  });
});

describe('parsePartHeaders with a file name', () => {
  it.each([
    ['filename="a.png"', 'a.png'],
    ['filename=a.png', 'a.png'],
    ['filename="猫的照片.png"', '猫的照片.png'],
    ['filename="😀𠮷.png"', '😀𠮷.png'],
    ['filename="a%22b.png"', 'a"b.png'],
    ['filename="a%0d%0aX-Evil: 1"', 'aX-Evil: 1'],
    ['filename="a\x0bb\0c\x7f.png"', 'abc.png'],
    ['filename="\u202egnp.exe\u2066\u061c\u0085"', 'gnp.exe'],
    ['filename="\u202e\x0b"', 'file'],
    ['filename=".\u200e."', 'file'],
    ['filename="a"b.png"', 'a"b.png'],
    ['filename="a"', 'a'],
    ['filename="a";', 'a'],
    ['filename="a" ; ;', 'a'],
    ['; filename="a"', 'a'],
    ['filename = "a"', 'a'],
    ['filename=a b c.png', 'a b c.png'],
    ['filename=a;b.png', 'a;b.png'],
    ['filename=a.png; x=y', 'a.png'],
    ['filename=a.png ;', 'a.png'],
    ['filename="100%_%E7%8C%AB.png"', '100%_%E7%8C%AB.png'],
    [String.raw`filename="a\"b.png"`, 'a"b.png'],
    ['filename="it\'s; x=1.png"', "it's; x=1.png"],
    ['filename="../../etc/passwd"', 'passwd'],
    ['filename="/etc/passwd"', 'passwd'],
    [String.raw`filename="C:\photos\a.png"`, 'a.png'],
    [String.raw`filename="C:\photos/b\c/a.png"`, 'a.png'],
    [String.raw`filename="\\server\share\a.png"`, 'a.png'],
    ['filename="..a"', '..a'],
    ['filename="..."', '...'],
    ['filename=".a"', '.a'],
    ['filename=" "', ' '],
    ['filename="%2e%2e%2fa"', '%2e%2e%2fa'],
    ['filename="a"; filename="b"', 'a'],
  ])('reads it from %s', (parameter, expected) => {
    expect(fileNameOf(parameter)).toBe(expected);
  });

  it.each([
    'filename=""',
    'filename=".."',
    'filename="."',
    'filename="/"',
    'filename="a/"',
    'filename="a/.."',
    'filename="a/."',
    String.raw`filename="a\\"`,
    "filename*=UTF-8''..",
    "filename*=UTF-8''a%2F",
    "filename*=UTF-8''%2E%2E",
  ])('reads an empty name from %s', parameter => {
    expect(fileNameOf(parameter)).toBe('');
  });

  it.each([
    ["filename*=UTF-8''%E7%8C%AB.png", '猫.png'],
    ["filename*=utf-8'zh-CN'%e7%8c%ab.png", '猫.png'],
    ['filename*="UTF-8\'\'%E7%8C%AB.png"', '猫.png'],
    ["filename*=ISO-8859-1'en'%A3%20rates", '£ rates'],
    ["filename*=UTF-8''%C2%A3%20rates", '£ rates'],
    ["filename*=UTF-8''a%22b", 'a"b'],
    ["filename*=UTF-8''a%2522b", 'a%22b'],
    ["filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", 'passwd'],
    ["filename*=UTF-8''C:%5Cdir%5Ca.png", 'a.png'],
    ["filename*=UTF-8''it's", "it's"],
    ["filename*=UTF-8''%FF", '\ufffd'],
    ["filename*=utf-8''a;b%20c.png", 'a;b c.png'],
    ["filename*=utf-8''a;b=c;.png", 'a;b=c;.png'],
    ["filename*=utf-8''a.png;name=g", 'a.png'],
    ["filename*=utf-8''a.png; x=y", 'a.png'],
    ["filename*=utf-8''a.png;", 'a.png'],
    ["filename*=utf-8''a b.png", 'a b.png'],
    ['filename="a;b.png"; filename*=utf-8\'\'a;b.png', 'a;b.png'],
    ['filename="a"b".png"; filename*=utf-8\'\'a%22b%22.png', 'a"b".png'],
    ["filename*=UTF-8''a%0Ab%E2%80%AE.png", 'ab.png'],
    ['filename="plain"; filename*=UTF-8\'\'extended', 'extended'],
    ['filename*=UTF-8\'\'extended; filename="plain"', 'extended'],
    ['filename=""; filename*=UTF-8\'\'extended', 'extended'],
  ])('reads the extended form from %s', (parameters, expected) => {
    expect(fileNameOf(parameters)).toBe(expected);
  });

  it.each([
    "UTF-8''%ZZ%",
    "UTF-8''%",
    "UTF-8''%e",
    "UTF-8''",
    'abc',
    "'",
    "''",
    "''abc",
    "nonsense'en'abc",
    "gbk''%C3%A8",
    "UTF-8'abc",
  ])('falls back to the plain form: %s', extended => {
    expect(fileNameOf(`filename="a"; filename*=${extended}`)).toBe('a');
    expect(fileNameOf(`filename*=${extended}; filename="a"`)).toBe('a');
  });
});

describe('parsePartHeaders with a type', () => {
  it.each([
    ['image/png', 'image/png', undefined],
    [' IMAGE/Png ', 'image/png', undefined],
    ['text/html;charset=GBK', 'text/html', 'GBK'],
    ['text/plain; charset="utf-8"', 'text/plain', 'utf-8'],
    ['text/plain; format=flowed; charset=utf-8', 'text/plain', 'utf-8'],
    ['application/vnd.x+json; a="b;c"', 'application/vnd.x+json', undefined],
    ['multipart/mixed; boundary=inner', 'multipart/mixed', undefined],
    ['', 'text/plain', undefined],
    ['image', 'text/plain', undefined],
    ['image/', 'text/plain', undefined],
    ['/png', 'text/plain', undefined],
    ['image/png/x', 'text/plain', undefined],
    [';;;', 'text/plain', undefined],
    ['image/png;', 'image/png', undefined],
    ['image/png; charset', 'image/png', ''],
    ['image/png;;', 'image/png', undefined],
    ['image/\xe9', 'text/plain', undefined],
    ['image/p\x0bg', 'text/plain', undefined],
    ['image/png,text', 'text/plain', undefined],
    ['image/png, text/html', 'text/plain', undefined],
    ['"image/png"', 'text/plain', undefined],
    ['; charset=gbk', 'text/plain', 'gbk'],
    ['image/png; charset="gbk', 'text/plain', undefined],
  ])('reads %j', (text, mimetype, charset) => {
    expect(parse(DISPOSITION, `content-type:${text}`)).toMatchObject({ mimetype, charset });
  });
});
