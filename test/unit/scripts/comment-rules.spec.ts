import { describe, expect, it } from '@jest/globals';
import { problemsOf } from '../../../scripts/comment-rules.mjs';

const LONG = 'word '.repeat(20).trim();

describe('problemsOf', () => {
  it.each([
    ['a long line comment', `// ${LONG}`, 'at most 100 columns'],
    ['a long line in a doc comment', `/**\n * Text.\n * ${LONG}\n */`, 'at most 100 columns'],
    ['code that a comment makes long', `${'a();'.repeat(22)} // Twice ten.`, 'at most 100 columns'],
    ['a question as a line comment', '// What is left.', 'not with "What"'],
    ['a question as a doc comment', '/** Whether it is there. */', 'not with "Whether"'],
    ['a question on the second line', '/**\n * How it ends.\n */', 'not with "How"'],
    ['a question as a plain comment', '/* whom it serves */', 'not with "whom"'],
    ['a question behind code', 'a(); // which is slow', 'not with "which"'],
    ['a question behind another comment', '/** Who. */\n// Whose.', 'not with "Whose"'],
  ])('refuses %s, in every file', (_what, text, rule) => {
    const problems = problemsOf('a.ts', text, false);
    expect(problems).toContainEqual(expect.stringContaining(rule));
    expect(problemsOf('a.ts', text, true)).toEqual(problems);
  });

  it.each([
    ['a tag behind text', '/** Text. @defaultValue 3 */', '@defaultValue stands at the start'],
    ['a tag behind a line', '/**\n * Text. @throws none\n */', '@throws stands at the start'],
    ['nobody', '// As nobody waits.', '"nobody" is not plain English'],
    ['words on two lines', '/**\n * It is\n * none.\n */', '"is none" is not plain English'],
    ['words of two comments', '// The file at\n// hand.', '"at hand" is not plain English'],
  ])('refuses %s, in the library only', (_what, text, rule) => {
    expect(problemsOf('a.ts', text, true)).toEqual([expect.stringContaining(rule)]);
    expect(problemsOf('a.ts', text, false)).toEqual([]);
  });

  it.each([
    ['a link that cannot be broken', `/**\n * @see https://example.com/${'a'.repeat(100)}\n */`],
    ['long code without a comment', `a(${'1, '.repeat(40)}1);`],
    ['a comment in a text', "const a = '// What?';"],
    ['a question inside a block', '// The rest, and\n// what follows.'],
    ['a word that begins alike', '// However late.'],
    ['tags on lines of their own', '/**\n * Text.\n *\n * @param a text\n * @returns text\n */'],
    ['nothing but a tag', '/** @see upload */'],
    ['tags in code', '/** The decorator `@see`.\n *\n * ```ts\n * a(); // @param\n * ```\n */'],
    ['the usual phrase', '/** Undefined if there is none. */'],
    ['banned words in code', '/** The class `Nobody`. */'],
    ['a tag in a line comment', '// As @throws says.'],
  ])('accepts %s', (_what, text) => {
    expect(problemsOf('a.ts', text, true)).toEqual([]);
  });

  it('names the path and the line, in order', () => {
    const text = '/** A number. @defaultValue 1 */\nconst a = 1;\n\n// One.\n// Two.\n\n// What?\n';
    expect(problemsOf('lib/a.ts', text, true)).toEqual([
      'lib/a.ts:1: @defaultValue stands at the start of a line',
      'lib/a.ts:7: a comment begins with a noun or a verb, not with "What"',
    ]);
  });

  it('reports a file that cannot be parsed', () => {
    expect(problemsOf('a.ts', 'const = ;', false)).toEqual([expect.stringMatching(/^a\.ts:1: /)]);
  });
});
