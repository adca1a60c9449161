import { describe, expect, it } from '@jest/globals';
import { formatDisposition } from '../../../../lib/http/serve/content-headers.js';

describe('formatDisposition', () => {
  it.each([
    [undefined, 'inline'],
    ['', 'inline'],
    ['report.pdf', 'inline; filename="report.pdf"'],
    ['two words.txt', 'inline; filename="two words.txt"'],
    ['报告.pdf', `inline; filename="__.pdf"; filename*=UTF-8''%E6%8A%A5%E5%91%8A.pdf`],
    ['😀.png', `inline; filename="_.png"; filename*=UTF-8''%F0%9F%98%80.png`],
    ['a"b\\c', 'inline; filename="c"'],
    ['a"b', `inline; filename="a_b"; filename*=UTF-8''a%22b`],
    ['100%.txt', `inline; filename="100_.txt"; filename*=UTF-8''100%25.txt`],
    ["l'été(1)*.txt", `inline; filename="l't(1)*.txt"`.replace("l't", "l'_t_")],
    ['../../etc/passwd', 'inline; filename="passwd"'],
    ['a\r\nSet-Cookie: x=1', 'inline; filename="aSet-Cookie: x=1"'],
    ['nul\u0000l', 'inline; filename="null"'],
    ['\ud800.txt', `inline; filename="_.txt"; filename*=UTF-8''%EF%BF%BD.txt`],
    ['C:\\fakepath\\a.png', 'inline; filename="a.png"'],
    ['folder/', 'inline'],
  ])('formats %j as one header line', (name, expected) => {
    const header = formatDisposition('inline', name);
    expect(header.startsWith(expected)).toBe(true);
    expect(header).toMatch(/^[\x20-\x7e]+$/);
  });

  it('names a file to be saved', () => {
    expect(formatDisposition('attachment', 'a.png')).toBe('attachment; filename="a.png"');
  });

  it('encodes what RFC 8187 does not allow', () => {
    expect(formatDisposition('inline', "é'()*!~")).toContain(`''%C3%A9%27%28%29%2A!~`);
  });
});
