import { describe, expect, it } from '@jest/globals';
import {
  documentOf,
  element,
  parseDocument,
  textOf,
} from '../../../../../lib/emulator/endpoints/cos/xml.js';
import { CosRefusal } from '../../../../../lib/emulator/state/refusals.js';

describe('parseDocument', () => {
  it('returns the elements with their texts', () => {
    const text = `<?xml version="1.0"?>\n<!-- a --><A x="1">\n <B>b</B><B/><C><D>d</D></C>\n</A>\n`;
    const root = parseDocument(text, 'A');
    expect(root.children.map(({ name }) => name)).toEqual(['B', 'B', 'C']);
    expect([textOf(root, 'B'), textOf(root, 'X')]).toEqual(['b', undefined]);
    expect(root.children[2]?.children).toMatchObject([{ name: 'D', text: 'd' }]);
  });

  it.each([
    ['&quot;a&quot;', '"a"'],
    ['&amp;lt;', '&lt;'],
    ['&lt;&gt;&apos;', `<>'`],
    ['&#65;&#x4e2d;&#x1F600;', 'A中😀'],
    ['&unknown;&#x110000;', '&unknown;&#x110000;'],
  ])('decodes %j to %j', (text, expected) => {
    expect(parseDocument(`<A>${text}</A>`, 'A').text).toBe(expected);
  });

  it.each([
    '',
    'text',
    '<A',
    '<A>',
    '</A>',
    '<A></B>',
    '<A><B></A></B>',
    '<A/><A/>',
    'text<A/>',
    '<A/>text',
    '<B/>',
    '<A>a < b</A>',
    '<!DOCTYPE a><A/>',
  ])('refuses %j', text => {
    expect(() => parseDocument(text, 'A')).toThrow(CosRefusal);
  });

  it('reads what documentOf writes', () => {
    const text = `"a" <b> & 'c' ]]> 中`;
    const root = parseDocument(documentOf('A', [element('B', text)]), 'A');
    expect(textOf(root, 'B')).toBe(text);
  });

  it('refuses a long text without an end quickly', () => {
    expect(() => parseDocument('<A>'.repeat(100_000), 'A')).toThrow(CosRefusal);
    expect(() => parseDocument(`<A ${'x'.repeat(1_000_000)}`, 'A')).toThrow(CosRefusal);
  });
});
