import { describe, expect, it } from '@jest/globals';
import { addImageRules, assertImageRules } from '../../../lib/storage/links.js';

const SIGNED = 'https://x.tcb.qcloud.la/a.png?sign=0a1b&t=1';

describe('assertImageRules and addImageRules', () => {
  it.each([
    'imageMogr2/thumbnail/!20p',
    'imageMogr2/thumbnail/640x355!',
    'imageMogr2/thumbnail/150000@',
    'imageMogr2/rotate/90|imageMogr2/format/png',
    'imageView2/1/w/200/h/200/q/75',
    'watermark/2/text/6IW-6K6v5LqR/fill/IzNEM0QzRA==/dx/20',
  ])('put %s into the link unchanged', rules => {
    expect(() => assertImageRules(rules)).not.toThrow();
    expect(addImageRules(SIGNED, rules)).toBe(`${SIGNED}&${rules}`);
    expect(addImageRules('https://x/a.png', rules)).toBe(`https://x/a.png?${rules}`);
  });

  it.each([
    '',
    'imageMogr2',
    'a/b&sign=x',
    'a/b#c',
    'a/b?c',
    'a/ b',
    'a/b\r\nx',
    '/a/b',
    'a/é',
    'a/"b',
  ])('reject %j', rules => {
    expect(() => assertImageRules(rules)).toThrow('imageRules');
  });

  it('change nothing without rules', () => {
    expect(() => assertImageRules(undefined)).not.toThrow();
    expect(addImageRules(SIGNED, undefined)).toBe(SIGNED);
  });
});
