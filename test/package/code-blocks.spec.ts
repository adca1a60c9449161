import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { type Module, typeErrorsOf } from './support/compiler.js';
import type { SourceTree } from './support/documentation.js';
import { emptyExamplesOf, examplesOf, namesWithoutExample } from './support/examples.js';
import { ROOT, sourcesBelow } from './support/files.js';
import { blocksOf, PAIRS } from './support/pages.js';
import { parseSource } from './support/syntax-tree.js';

const sources = sourcesBelow(join(ROOT, 'lib'), /\.ts$/);
const lib = new Map(sources.map(file => [file.path, file]));

/** The code of pages and of doc comments; each page has a folder, as pages use the same names. */
function codeBlocks(): readonly Module[] {
  const ofPages = PAIRS.flatMap(([page]) =>
    blocksOf(page).map(({ file, text }) => ({
      path: `${page.replaceAll('/', '-')}/${file}`,
      text,
    })),
  );
  const ofComments = sources.flatMap(examplesOf);
  return [...ofPages, ...ofComments.map(({ path, text }) => ({ path: `lib/${path}`, text }))];
}

describe('the code of all pages and doc comments', () => {
  it('compiles, at the strict end', async () => {
    expect(await typeErrorsOf(codeBlocks())).toEqual([]);
  });
});

describe.each([
  'index.ts',
  'emulator/index.ts',
  'opentelemetry/index.ts',
  'redis/index.ts',
  'swagger/index.ts',
  'terminus/index.ts',
  'testing/index.ts',
])('lib/%s', entry => {
  it('has an example for every function, decorator and class', () => {
    expect(namesWithoutExample(lib, entry)).toEqual([]);
  });
});

describe('lib', () => {
  it('has TypeScript behind every @example', () => {
    expect(sources.flatMap(emptyExamplesOf)).toEqual([]);
  });
});

describe('the checker', () => {
  const EXAMPLE = '/**\n * A.\n *\n * @example\n * ```ts\n * a();\n * ```\n */\n';

  function treeOf(text: string): SourceTree {
    return new Map([['index.ts', parseSource('index.ts', text)]]);
  }

  it.each([
    ['a function', '/** A. */ export function a() {}'],
    ['a constant', 'export const a = 1;'],
    ['a class', '/** A. */ @Injectable() export class a {}'],
    ['an example without code', '/**\n * @example\n * a();\n */\nexport const a = 1;'],
    ['an example of something else', `${EXAMPLE}const b = 1;\nexport const a = b;`],
  ])('names %s without an example', (_what, text) => {
    expect(namesWithoutExample(treeOf(text), 'index.ts')).toEqual(['index.ts: a']);
  });

  it.each([
    ['an example', `${EXAMPLE}export function a() {}`],
    ['an example before a decorator', `${EXAMPLE}@Injectable() export class a {}`],
    ['types', 'export interface A { b: string }\nexport type B = A;'],
    ['one of two overloads', `${EXAMPLE}export function a(): void;\nexport function a(b?: 1) {}`],
  ])('accepts %s', (_what, text) => {
    expect(namesWithoutExample(treeOf(text), 'index.ts')).toEqual([]);
  });

  it('makes a module of each block, named by its line', () => {
    const file = parseSource('b/c.ts', `const b = 1;\n\n${EXAMPLE}export const a = 1;`);
    expect(examplesOf(file)).toEqual([{ path: 'b/c.line-7.ts', text: 'a();\nexport {};\n' }]);
  });

  it('names the line of an @example that no code follows', () => {
    const file = parseSource('a.ts', '/**\n * A.\n *\n * @example a()\n */\nexport const a = 1;');
    expect(emptyExamplesOf(file)).toEqual(['a.ts:4']);
  });
});
