import { describe, expect, it } from '@jest/globals';
import { assert, property, string } from 'fast-check';
import {
  childrenOf,
  escapeXml,
  parseXml,
  textOf,
  type XmlNode,
} from '../../../../lib/storage/cos/cos-xml.js';

/** Parses a document that has to be one. */
function parsed(text: string): XmlNode {
  const root = parseXml(text);
  if (root === undefined) throw new Error('no element');
  return root;
}

describe('parseXml', () => {
  it('reads elements in order, with attributes, comments and raw text', () => {
    const root = parsed(
      '\n \n<?xml version="1.0"?>\n<!-- a --><List xmlns="x"><Key>a&amp;b</Key><Empty/><Key><![CDATA[<c>]]></Key></List>\n',
    );
    expect(root.name).toBe('List');
    expect(childrenOf(root, 'Key').map(({ text }) => text)).toEqual(['a&b', '<c>']);
    expect(textOf(root, 'Empty')).toBe('');
    expect(textOf(root, 'Missing')).toBeUndefined();
  });

  it.each([
    ['nothing', ''],
    ['white space', ' \n '],
    ['text', 'ok'],
    ['a document that is cut off', '<List><Key>a</Key>'],
    ['a tag that is cut off', '<List><Key'],
    ['a comment that is cut off', '<List><!--</List>'],
    ['two documents', '<A></A><B></B>'],
    ['text beside the document', '<A></A>b'],
    ['tags that cross', '<A><B></A></B>'],
    ['an end without a begin', '</A>'],
    ['JSON', '{"a":1}'],
    ['deep nesting', `${'<a>'.repeat(40)}${'</a>'.repeat(40)}`],
  ])('refuses %s', (_, text) => {
    expect(parseXml(text)).toBeUndefined();
  });

  it('leaves unknown entities, which a document might define', () => {
    expect(parseXml('<A>&lol;&#x110000;&#65;&#x42;</A>')?.text).toBe('&lol;&#x110000;AB');
  });

  it('reads every text that was escaped', () => {
    assert(
      property(string({ unit: 'binary' }), text => {
        expect(parseXml(`<A>${escapeXml(text)}</A>`)?.text).toBe(text);
      }),
    );
  });
});
