import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import {
  exportedNamesOf,
  type SourceTree,
  undocumentedExportsOf,
} from './support/documentation.js';
import { ROOT, sourcesBelow } from './support/files.js';
import { parseSource } from './support/syntax-tree.js';

const lib = new Map(sourcesBelow(join(ROOT, 'lib'), /\.ts$/).map(file => [file.path, file]));

describe.each([
  'index.ts',
  'emulator/index.ts',
  'opentelemetry/index.ts',
  'redis/index.ts',
  'swagger/index.ts',
  'terminus/index.ts',
  'testing/index.ts',
])('lib/%s', entry => {
  it('exports something', () => {
    expect(exportedNamesOf(lib, entry)).not.toEqual([]);
  });

  it('has a doc comment on exports, on the types that they show, and on all members', () => {
    expect(undocumentedExportsOf(lib, entry)).toEqual([]);
  });
});

describe('the checker', () => {
  it.each([
    ['a function', 'export function a() {}', ['a']],
    ['a constant', 'export const a = 1;', ['a']],
    ['names taken apart', 'export const { a, b: c } = make();', ['a', 'c']],
    ['a decorated class', '@Injectable()\nexport class A {}', ['A']],
    ['a property of an interface', '/** A. */ export interface A { b: string }', ['A.b']],
    ['a method of an interface', '/** A. */ export interface A { b(c: string): void }', ['A.b']],
    ['a member of a union', '/** A. */ export type A = { b: 1 } | { /** C. */ c: 2 };', ['A.b']],
    ['a nested member', '/** A. */ export interface A { /** B. */ b?: { c: string } }', ['A.b.c']],
    ['a wrapped member', '/** A. */ export type A = Readonly<{ b: 1 }>;', ['A.b']],
    ['a property of a class', '/** A. */ export class A { b = 1; }', ['A.b']],
    ['a method of a class', '/** A. */ export class A { async b() {} }', ['A.b']],
    ['a getter', '/** A. */ export class A { get b() { return 1; } }', ['A.b']],
    ['a static member', '/** A. */ export class A { static b = 1; }', ['A.b']],
    ['an abstract member', '/** A. */ export abstract class A { abstract b(): void; }', ['A.b']],
    [
      'a parameter property',
      '/** A. */ export class A { constructor(readonly b: string) {} }',
      ['A.b'],
    ],
    ['a member of an enum', '/** A. */ export enum A { B }', ['A.B']],
    [
      'one of two overloads',
      '/** A. */ export function a(): void;\nexport function a(b: 1): void;\nexport function a() {}',
      ['a'],
    ],
    ['an empty comment', '/** */ export const a = 1;', ['a']],
    ['a plain comment', '/* A. */ export const a = 1;', ['a']],
    ['a comment on something else', '/** B. */ const b = 1;\nexport const a = b;', ['a']],
    ['a type of a member', 'type B = 1;\n/** A. */ export interface A { /** B. */ b: B }', ['B']],
    [
      'a type of a parameter',
      'interface B { c: 1 }\n/** A. */ export const a = (b: B) => b;',
      ['B', 'B.c'],
    ],
    [
      'a type of a type',
      'type C = 1;\n/** B. */ type B = C;\n/** A. */ export type A = B[];',
      ['C'],
    ],
    ['an extended type', 'interface B {}\n/** A. */ export interface A extends B {}', ['B']],
    [
      'an extended class',
      'class B { c() {} }\n/** A. */ export class A extends B {}',
      ['B', 'B.c'],
    ],
    ['a name exported apart', 'const a = 1;\nexport { a as b };', ['b']],
  ])('names %s without a doc comment', (_what, text, names) => {
    const tree: SourceTree = new Map([['index.ts', parseSource('index.ts', text)]]);
    expect(undocumentedExportsOf(tree, 'index.ts')).toEqual(names.map(name => `index.ts: ${name}`));
  });

  it.each([
    ['a documented class', '/** A. */ @Injectable() export class A { /** B. */ @Inject() b = 1; }'],
    ['private members', '/** A. */ export class A { private b = 1; #c = 2; private d() {} }'],
    ['a constructor', '/** A. */ export class A { constructor(private readonly b: string) {} }'],
    ['a setter', '/** A. */ export class A { /** B. */ get b() { return 1; } set b(c) {} }'],
    ['code inside', '/** A. */ export function a() { class B { c = 1; } return B; }'],
    ['the value of a member', '/** A. */ export class A { /** B. */ b = { c: 1 }; }'],
    ['what is not exported', 'interface A { b: string }'],
    ['types in code', 'type B = 1;\n/** A. */ export function a() { const b: B = 1; }'],
    ['types of private members', 'type B = 1;\n/** A. */ export class A { private b: B; #c: B; }'],
    [
      'types of internal members',
      'type B = 1;\n/** A. */ export class A { /** B. @internal */ b: B; }',
    ],
    [
      'an implementation behind overloads',
      '/** A. */ export class A { /** B. */ b(): void; /** C. */ b(c: 1): void; b() {} }',
    ],
  ])('asks nothing for %s', (_what, text) => {
    const tree: SourceTree = new Map([['index.ts', parseSource('index.ts', text)]]);
    expect(undocumentedExportsOf(tree, 'index.ts')).toEqual([]);
  });

  it('follows re-exports to the file that declares', () => {
    const sources = {
      'index.ts': "export { A as B } from './c/index.js'; export { d } from './e.js';",
      'c/index.ts': "export * from './a.js';",
      'c/a.ts': 'export class A {}\nexport class Unseen {}',
      'e.ts': "import { f as d } from './f.js';\nexport { d };",
      'f.ts': 'export const f = 1;',
    };
    const tree = new Map(
      Object.entries(sources).map(([path, text]) => [path, parseSource(path, text)]),
    );
    expect(exportedNamesOf(tree, 'index.ts')).toEqual(['B', 'd']);
    expect(undocumentedExportsOf(tree, 'index.ts')).toEqual(['c/a.ts: B', 'f.ts: d']);
  });
});
