import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import {
  appendField,
  closeGaps,
  type FormFields,
  largestIndex,
  nestingDepth,
} from '../../../lib/multipart/text-fields.js';
import { Random } from '../../support/hostile-forms/random.js';

/** The module with which multer puts fields into bodies. */
const appendLikeMulter = createRequire(import.meta.url)('append-field') as typeof appendField;

const INVALID = expect.objectContaining({ code: 'WX_CLOUD_FORM_INVALID' });

/** The body of a form with fields of the given names, whose values are numbered. */
function bodyOf(names: readonly string[], append = appendField): FormFields {
  const body = Object.create(null) as FormFields;
  for (const [index, name] of names.entries()) append(body, name, String(index));
  return body;
}

/** All of a value: gaps, order of keys and prototypes included. */
function show(value: unknown): string {
  return inspect(value, { depth: Infinity, maxArrayLength: Infinity, breakLength: Infinity });
}

describe('appendField', () => {
  it.each<[string[], object]>([
    [['a'], { a: '0' }],
    [[''], { '': '0' }],
    [['a', 'a'], { a: ['0', '1'] }],
    [['a', 'a', 'a'], { a: ['0', '1', '2'] }],
    [['a[]'], { a: ['0'] }],
    [['a[]', 'a[]'], { a: ['0', '1'] }],
    [['a', 'a[]'], { a: ['0', '1'] }],
    [['a[]', 'a'], { a: ['0', '1'] }],
    [['a[0]', 'a[1]'], { a: ['0', '1'] }],
    [['a[1]', 'a[0]'], { a: ['1', '0'] }],
    [['a[0]', 'a[]'], { a: ['0', '1'] }],
    [['a[007]', 'a[7]'], { a: [...Array<string>(7), ['0', '1']] }],
    [['a[b]'], { a: { b: '0' } }],
    [['a[b][c]', 'a[b][d]'], { a: { b: { c: '0', d: '1' } } }],
    [['a[b][]', 'a[b][]'], { a: { b: ['0', '1'] } }],
    [['a[0][b]', 'a[1][b]', 'a[0][c]'], { a: [{ b: '0', c: '2' }, { b: '1' }] }],
    [['a[0][1]', 'a[0][0][0]'], { a: [[['1'], '0']] }],
    [['a', 'a[b]'], { a: { '': '0', b: '1' } }],
    [['a[b]', 'a'], { a: { b: '0', '': '1' } }],
    [['a[b]', 'a[]'], { a: { b: '0', '': '1' } }],
    [['a[b]', 'a', 'a'], { a: { b: '0', '': ['1', '2'] } }],
    [['a', 'a[0]'], { a: { '': '0', 0: '1' } }],
    [['a[]', 'a[b]'], { a: { 0: '0', b: '1' } }],
    [['a[2]', 'a[b]'], { a: { 2: '0', b: '1' } }],
    [['a[b]', 'a[0]'], { a: { b: '0', 0: '1' } }],
    [['a[-1]', 'a[1.5]', 'a[ 1]'], { a: { '-1': '0', '1.5': '1', ' 1': '2' } }],
    [['a[ ]'], { a: { ' ': '0' } }],
    [['a[[]'], { a: { '[': '0' } }],
    [['a[b[c]'], { a: { 'b[c': '0' } }],
    [['a[.]', 'a.b'], { a: { '.': '0' }, 'a.b': '1' }],
    [['toString', 'valueOf[hasOwnProperty]'], { toString: '0', valueOf: { hasOwnProperty: '1' } }],
    [['length', 'a[]', 'a[length]'], { length: '0', a: { 0: '1', length: '2' } }],
    [['猫[😀]'], { 猫: { '😀': '0' } }],
    [['a\r\n[\0]'], { 'a\r\n': { '\0': '0' } }],
  ])('puts a value where its name says: %j', (names, expected) => {
    expect(bodyOf(names)).toEqual(expected);
  });

  it.each([
    'a[',
    'a]',
    'a[]]',
    'a[b',
    'a[b]c',
    'a[b]c[d]',
    'a[][]',
    'a[][b]',
    'a[b][',
    'a[b][]c',
    'a[b] ',
    '[a]',
    '[0]',
    '[]',
    '[',
    ']',
    'a[]b',
  ])('uses a name outside the notation as the key: %j', name => {
    expect(bodyOf([name])).toEqual({ [name]: '0' });
  });

  it.each([
    '__proto__',
    'constructor',
    'prototype',
    '__proto__[a]',
    '__proto__[]',
    '__proto__[__proto__][a]',
    'a[__proto__]',
    'a[__proto__][b]',
    'a[0][constructor]',
    'a[constructor][prototype][b]',
    'a[b][prototype][]',
  ])('rejects the name %s and changes nothing', name => {
    const body = bodyOf(['a[0]']);
    expect(() => appendField(body, name, 'x')).toThrow(INVALID);
    expect(show(body)).toBe(show(bodyOf(['a[0]'])));
    expect(({} as { b?: unknown }).b).toBeUndefined();
  });

  it.each(['__proto__x', 'a[__proto__', '[__proto__]', 'a[__PROTO__]', 'a[ __proto__]'])(
    'accepts the name %s',
    name => {
      expect(Object.keys(bodyOf([name]))).toHaveLength(1);
      expect(({} as { x?: unknown }).x).toBeUndefined();
    },
  );

  it('creates objects without a prototype', () => {
    const { a } = bodyOf(['a[b][c]']) as { a: { b: object } };
    expect([a, a.b].map(Object.getPrototypeOf)).toEqual([null, null]);
  });

  it('rejects an index above the largest of a list', () => {
    const body = bodyOf(['a[4294967294]']);
    expect(() => appendField(body, 'a[]', 'x')).toThrow(INVALID);
  });
});

describe('appendField compared with multer', () => {
  const CHUNKS = [
    ['a', 'b', '[', ']', '[]', '[0]', '[1]', '[007]', '[1000]', '[-1]', '[1e3]', '[a]', '[b]'],
    ['[ ]', ' ', '.', 'toString', '[toString]', 'length', '[length]', 'hasOwnProperty', '猫', ''],
    ['\u202e', '\r\n', '"', 'x'.repeat(120), '[b]'.repeat(40), '[0]'.repeat(10)],
  ].flat();

  /** A few names, many of them of the same beginning. */
  function makeNames(random: Random): readonly string[] {
    const any = (): string => random.list([0, 5], () => random.pick(CHUNKS)).join('');
    const good = (): string => {
      const keys = random.list([0, 3], () => random.pick(['[a]', '[0]', '[2]', '[b]']));
      return `${random.pick(['a', 'b'])}${keys.join('')}${random.pick(['', '', '[]'])}`;
    };
    return random.list([1, 8], () => (random.next() < 0.3 ? any() : good()));
  }

  it('builds the same bodies from random names', () => {
    const random = new Random(20_270_215);
    const forms = Array.from({ length: 20_000 }, () => makeNames(random));
    const different = forms.filter(
      names => show(bodyOf(names)) !== show(bodyOf(names, appendLikeMulter)),
    );
    expect(different).toEqual([]);
  });

  it.each([
    ['some that go on behind a list', ['a[]', 'a[]', 'a[2][b]', 'a[c]', 'a[]']],
    ['an index that no number holds', ['a[99999999999999999999]', 'a[]']],
    ['an index as long as a name can be', [`a[${'9'.repeat(400)}]`]],
  ])('builds the same body for %s', (_, names) => {
    expect(show(bodyOf(names))).toBe(show(bodyOf(names, appendLikeMulter)));
  });
});

describe('nestingDepth', () => {
  it.each([
    ['', 0],
    ['a', 0],
    ['a[]', 1],
    ['a[b][c]', 2],
    ['a[[[', 3],
    ['a]]]', 0],
    [`a${'[b]'.repeat(33)}`, 33],
  ])('counts the levels of %s', (name, depth) => {
    expect(nestingDepth(name)).toBe(depth);
  });
});

describe('largestIndex', () => {
  it.each([
    ['', 0],
    ['a', 0],
    ['a[]', 0],
    ['a[0]', 0],
    ['a[7]', 7],
    ['a[007]', 7],
    ['a[3][12][4]', 12],
    ['a[3][b][1001][]', 1_001],
    ['a[-5]', 0],
    ['a[1e9]', 0],
    ['a[5', 0],
    ['a[5]b', 0],
    ['[5]', 0],
    ['5', 0],
    ['a[4294967295]', 4_294_967_295],
    [`a[${'9'.repeat(400)}]`, Infinity],
  ])('finds it in %s', (name, index) => {
    expect(largestIndex(name)).toBe(index);
  });
});

describe('closeGaps', () => {
  /** A body whose gaps are closed. */
  function closed(names: readonly string[]): FormFields {
    const body = bodyOf(names);
    closeGaps(body);
    return body;
  }

  it.each<[string[], object]>([
    [['a[5]'], { a: ['0'] }],
    [['a[9]', 'a[2]', 'a[5]'], { a: ['1', '2', '0'] }],
    [['a[3]', 'a[]'], { a: ['0', '1'] }],
    [['a[1][1][1]'], { a: [[['0']]] }],
    [['a[2][b]', 'a[4][b][3]'], { a: [{ b: '0' }, { b: ['1'] }] }],
    [['a[b][7]', 'c[8]'], { a: { b: ['0'] }, c: ['1'] }],
    [['a', 'a[3]'], { a: { '': '0', 3: '1' } }],
    [['a[]', 'a[]', 'b'], { a: ['0', '1'], b: '2' }],
    [[], {}],
  ])('leaves lists as long as they have values: %j', (names, expected) => {
    const body = closed(names);
    expect(body).toEqual(expected);
    expect(show(body)).not.toContain('empty item');
    expect(show(Object.keys(body))).toBe(show(Object.keys(expected)));
  });

  it('keeps the identity of the objects in a body', () => {
    const body = bodyOf(['a[3][b]']);
    const { a: list } = body;
    const element = (list as unknown[])[3];
    closeGaps(body);
    expect(body['a']).toBe(list);
    expect((list as unknown[])[0]).toBe(element);
  });

  it('works at any depth', () => {
    const body = closed([`a${'[3]'.repeat(20_000)}`]);
    expect((body as { a: unknown[][] }).a[0]).toHaveLength(1);
  });

  it.each([
    ['lists', (index: number) => `a[${index}]`],
    ['objects', (index: number) => `a${index}[b]`],
    ['objects in lists', (index: number) => `a[${index}][b]`],
  ])('handles hundreds of thousands of values in %s', (_, nameOf) => {
    const names = Array.from({ length: 200_000 }, (__, index) => nameOf(index));
    expect(() => closed(names)).not.toThrow();
  });

  it('takes time for the values only, however large their indices are', () => {
    let steps = 0;
    const count = <T>(result: T): T => {
      steps += 1;
      return result;
    };
    const list = Object.assign([], { 7: 'first', 100_000: 'second' });
    const counted = new Proxy<unknown[]>(list, {
      has: (...given) => count(Reflect.has(...given)),
      get: (...given) => count(Reflect.get(...given)),
      deleteProperty: (...given) => count(Reflect.deleteProperty(...given)),
    });
    closeGaps({ list: counted });
    expect(list).toEqual(['first', 'second']);
    expect(steps).toBeLessThan(100);
  });
});
