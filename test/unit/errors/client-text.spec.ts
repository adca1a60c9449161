import { describe, expect, it } from '@jest/globals';
import { quoteText, toFileName } from '../../../lib/errors/client-text.js';

const C0_C1_AND_DEL = String.fromCharCode(
  ...Array.from({ length: 0x20 }, (_, code) => code),
  ...Array.from({ length: 0x21 }, (_, code) => 0x7f + code),
);
const BIDI = '\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069';

describe('toFileName', () => {
  it.each([
    ['a.png', 'a.png'],
    ['猫 👨‍👩‍👧 صورة.png', '猫 👨‍👩‍👧 صورة.png'],
    [`a${C0_C1_AND_DEL}b.png`, 'ab.png'],
    [`${BIDI}a${BIDI}.png`, 'a.png'],
    ['a\u00a0b', 'a\u00a0b'],
    ['../a.png', 'a.png'],
    ['C:\\a\\b.png', 'b.png'],
    ['.\u202e./\u0000', 'file'],
    ['.\u202e.', 'file'],
    ['', 'file'],
    [`${C0_C1_AND_DEL}${BIDI}`, 'file'],
    ['a\ud83d.png', 'a\ufffd.png'],
  ])('turns %j into %j', (name, expected) => {
    expect(toFileName(name)).toBe(expected);
  });

  it.each([
    ['a', 251, '.png'],
    ['长', 251, '.png'],
    ['😀', 251, '.png'],
    ['a', 254, '.'],
    ['a', 223, `.${'b'.repeat(31)}`],
    ['a', 255, ''],
  ])('keeps %s as %d characters before %j', (character, count, extension) => {
    const whole = `${character.repeat(count)}${extension}`;
    expect(toFileName(whole)).toBe(whole);
    expect(toFileName(`${character.repeat(count + 300)}${extension}`)).toBe(whole);
  });

  it('cuts an extension that is too long', () => {
    expect(toFileName(`a.${'b'.repeat(400)}`)).toBe(`a.${'b'.repeat(253)}`);
    expect(toFileName(`.${'b'.repeat(400)}`)).toBe(`.${'b'.repeat(254)}`);
  });
});

describe('quoteText', () => {
  it.each([
    ['photo', '"photo"'],
    ['a"b\\c', String.raw`"a\"b\\c"`],
    [`a${C0_C1_AND_DEL}${BIDI}b`, '"ab"'],
    ['x'.repeat(60), `"${'x'.repeat(60)}"`],
    ['x'.repeat(61), `"${'x'.repeat(60)}…"`],
    ['😀'.repeat(100_000), `"${'😀'.repeat(60)}…"`],
  ])('quotes %j', (text, expected) => {
    expect(quoteText(text)).toBe(expected);
  });
});
