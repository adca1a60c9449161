import { describe, expect, it } from '@jest/globals';
import { addImageRules, assertImageRules } from '../../../lib/storage/links.js';

const SIGNED = 'https://x.tcb.qcloud.la/a.png?sign=0a1b&t=1';

describe('image rules', () => {
  it.each([
    'imageMogr2/thumbnail/!20p',
    'imageMogr2/thumbnail/640x355!',
    'imageMogr2/thumbnail/150000@',
    'imageMogr2/rotate/90|imageMogr2/format/png',
    'imageView2/1/w/200/h/200/q/75',
    'watermark/2/text/6IW-6K6v5LqR/fill/IzNEM0QzRA==/dx/20',
  ])('%s stand in the link as they are', rules => {
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
  ])('%j are none', rules => {
    expect(() => assertImageRules(rules)).toThrow('imageRules');
  });

  it('that are left out change nothing', () => {
    expect(() => assertImageRules(undefined)).not.toThrow();
    expect(addImageRules(SIGNED, undefined)).toBe(SIGNED);
  });
});
