import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { quoteText, toFileName } from '../../../lib/errors/client-text.js';
import { parseHeaderValue, parsePartHeaders } from '../../../lib/multipart/part-headers.js';
import { checkProperty } from '../../support/properties.js';

const TOKEN_CHARACTERS = "abzABZ019!#$%&'*+.^_`|~-";
const token = fc.string({
  unit: fc.constantFrom(...TOKEN_CHARACTERS),
  minLength: 1,
  maxLength: 12,
});
const value = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 30 }),
  fc.string({ unit: fc.constantFrom(...'ab;="\\ ,'), maxLength: 12 }),
);
/** Semicolons and spaces, as they stand between parameters. */
const separator = fc.constantFrom(';', '; ', ' ;\t', ';;', '; ; ');
const end = fc.constantFrom('', ';', '; ', ' ');
/** Text of the characters of headers. */
const nonsense = fc.string({
  unit: fc.constantFrom(...'ab=;"\\ \t\'%*,\0\u000b', 'filename', 'name', "utf-8''", '%41'),
  maxLength: 30,
});
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.string({ unit: 'grapheme', maxLength: 400 }),
  fc.array(fc.nat(0xffff), { maxLength: 400 }).map(units => String.fromCharCode(...units)),
  fc.string({ unit: fc.constantFrom(...'a./\\\u202e\0\n猫😀'), maxLength: 400 }),
);

function outcomeOf(read: () => unknown): string {
  try {
    read();
    return 'read';
  } catch (error) {
    return (error as Error).message;
  }
}

const quote = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

describe('parseHeaderValue', () => {
  it('reads the parameters as written, and the first of each name', () =>
    checkProperty(
      fc.property(
        token,
        fc.array(fc.tuple(separator, token, value)),
        end,
        (type, given, ending) => {
          const parameters = given.map(
            ([between, name, text]) => `${between}${name}=${quote(text)}`,
          );
          const expected = new Map(
            given.map(([, name, text]) => [name.toLowerCase(), text] as const).toReversed(),
          );
          const read = parseHeaderValue(`${type}${parameters.join('')}${ending}`);
          expect(read).toEqual({ value: type.toLowerCase(), parameters: expected });
        },
      ),
      300,
    ));

  it('reads unquoted tokens as written', () =>
    checkProperty(
      fc.property(token, separator, token, end, (name, between, text, ending) => {
        const read = parseHeaderValue(`a${between}${name}=${text}${ending}`);
        expect(read?.parameters.get(name.toLowerCase())).toBe(text);
      }),
    ));

  it('never throws for any text', () =>
    checkProperty(
      fc.property(fc.oneof(nonsense, fc.string({ unit: 'binary' })), text => {
        const read = parseHeaderValue(`form-data; ${text}`);
        expect([undefined, 'form-data']).toContain(read?.value);
      }),
      500,
    ));
});

describe('parsePartHeaders', () => {
  it('fails only with a typed error for any parameters', () =>
    checkProperty(
      fc.property(nonsense, text => {
        const head = Buffer.from(`content-disposition: form-data; name="a"; ${text}\r\n`);
        expect(outcomeOf(() => parsePartHeaders(head, 10, 1))).toMatch(
          /^read$|^The form is refused: /,
        );
      }),
      500,
    ));
});

describe('toFileName and quoteText', () => {
  it('make any name safe to show', () =>
    checkProperty(
      fc.property(anyText, text => {
        const name = toFileName(text);
        expect(name).not.toMatch(UNSAFE);
        expect(name).not.toMatch(/[/\\]/);
        expect(['', '.', '..']).not.toContain(name);
        expect([...name].length).toBeLessThanOrEqual(255);
        expect(name.isWellFormed()).toBe(true);
        expect(toFileName(name)).toBe(name);
      }),
      300,
    ));

  it('keep the extension of a shortened name', () =>
    checkProperty(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'a猫😀'), minLength: 300, maxLength: 400 }),
        fc.string({ unit: fc.constantFrom(...'abc猫😀'), minLength: 1, maxLength: 31 }),
        (stem, extension) => {
          const name = toFileName(`${stem}.${extension}`);
          expect([...name]).toHaveLength(255);
          expect(name.endsWith(`.${extension}`)).toBe(true);
        },
      ),
    ));

  it('quote a name on one line and shorten it', () =>
    checkProperty(
      fc.property(anyText, text => {
        const quoted = quoteText(text);
        expect(quoted).not.toMatch(UNSAFE);
        expect([...String(JSON.parse(quoted))].length).toBeLessThanOrEqual(61);
      }),
    ));
});
