import type { Module } from './compiler.js';
import {
  declarationOf,
  docCommentOf,
  type ExportedName,
  exportsOf,
  isDocComment,
  type SourceTree,
} from './documentation.js';
import type { SourceFile } from './syntax-tree.js';

const TYPES = new Set(['TSInterfaceDeclaration', 'TSTypeAliasDeclaration']);

const EXAMPLE = /^@example\n```ts\n/m;

/** Names the functions, decorators, classes and constants of an entry that have no example. */
export function namesWithoutExample(tree: SourceTree, entry: string): readonly string[] {
  const values = exportsOf(tree, entry).filter(
    ({ statements }) => !statements.every(one => TYPES.has(declarationOf(one).type)),
  );
  return values
    .filter(value => !hasExample(value))
    .map(({ name, file }) => `${file.path}: ${name}`);
}

/** One example is enough for all overloads. */
function hasExample({ file, statements }: ExportedName): boolean {
  return statements.some(statement =>
    EXAMPLE.test(textOf(docCommentOf(file, statement)?.value ?? '')),
  );
}

/** The TypeScript in the doc comments of a file, each block a module that is named by its line. */
export function examplesOf(file: SourceFile): readonly Module[] {
  return file.comments.filter(isDocComment).flatMap(({ value, start }) => {
    const text = textOf(value);
    return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(({ index, 1: code = '' }) => {
      const line = linesOf(file.text.slice(0, start)) + linesOf(text.slice(0, index)) - 1;
      return { path: file.path.replace(/\.ts$/, `.line-${line}.ts`), text: `${code}export {};\n` };
    });
  });
}

/** The lines of a file with an `@example` that no block of TypeScript follows. */
export function emptyExamplesOf(file: SourceFile): readonly string[] {
  return file.comments.filter(isDocComment).flatMap(({ value, start }) => {
    const text = textOf(value);
    const tags = [...text.matchAll(/^@example(?!\n```ts\n)/gm)];
    return tags.map(({ index }) => {
      const line = linesOf(file.text.slice(0, start)) + linesOf(text.slice(0, index)) - 1;
      return `${file.path}:${line}`;
    });
  });
}

/** The text of a comment without the marks at the start of its lines. */
function textOf(comment: string): string {
  return comment.replaceAll(/^[ \t]*\*? ?/gm, '');
}

function linesOf(text: string): number {
  return text.split('\n').length;
}
