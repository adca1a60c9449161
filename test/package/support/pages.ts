import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './files.js';

/** The pages of `docs/` that users read, in the order of the table of contents. */
export const GUIDES = [
  'getting-started',
  'options',
  'uploads',
  'downloads-and-serving',
  'direct-uploads',
  'bucket-access',
  'tokens-and-replicas',
  'tenants',
  'pending-files',
  'errors',
  'testing',
  'migrating-from-multer',
  'observability',
  'operations',
  'emulator',
  'deployment',
  'flows',
];

/** A page of `docs/` in English and in Chinese. */
export const bothOf = (guide: string): readonly [string, string] => [
  `docs/${guide}.md`,
  `docs/${guide}.zh-CN.md`,
];

export const READMES = ['README.md', 'README.zh-CN.md'] as const;
export const CONTENTS = ['docs/README.md', 'docs/README.zh-CN.md'] as const;

/** Every page that is there in English and in Chinese. */
export const PAIRS: readonly (readonly [string, string])[] = [
  READMES,
  CONTENTS,
  ...GUIDES.map(bothOf),
];

/** The cells of one line of a table, trimmed. */
export type Row = readonly string[];

/** A code block whose first line names its file. */
export interface CodeBlock {
  readonly file: string;
  readonly text: string;
}

/** The text of a file, from the repository's root. */
export const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** The body rows of the one table in which a row starts so. */
export function rowsOf(path: string, start: string): readonly Row[] {
  const tables = textOf(path)
    .split(/\n\s*\n/)
    .filter(paragraph => paragraph.includes(`\n${start}`));
  if (tables.length !== 1) throw new Error(`${path}: ${tables.length} tables have ${start}`);
  const lines = (tables[0] ?? '').trim().split('\n').slice(2);
  return lines.map(line =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  );
}

/** A cell without the marks of code. */
export function plain(cell: string | undefined): string {
  return (cell ?? '').replaceAll('`', '');
}

/** The TypeScript that is whole: its first line names its file. */
export function blocksOf(path: string): readonly CodeBlock[] {
  return [...textOf(path).matchAll(/```ts\n(\/\/ (\S+\.ts)\n.*?)```/gs)].map(
    ([, text = '', file = '']) => ({ file, text }),
  );
}

/** Headings by level, table rows by width, and code by language and length, in order. */
export function outlineOf(path: string): readonly string[] {
  return textOf(path)
    .split(/^(```[^]*?^```$)/m)
    .flatMap(part => (part.startsWith('```') ? [outlineOfCode(part)] : outlineOfText(part)));
}

function outlineOfCode(block: string): string {
  const lines = block.split('\n');
  return `${lines[0]} ${lines.length - 2} lines`;
}

function outlineOfText(text: string): readonly string[] {
  return text.split('\n').flatMap(line => {
    if (line.startsWith('|')) return [`${line.split('|').length - 2} cells`];
    return /^#+(?= )/.exec(line)?.[0] ?? [];
  });
}

/** The text below each heading of a level, by the heading. */
export function sectionsOf(path: string, level: string): ReadonlyMap<string, string> {
  const parts = textOf(path).split(/^(#+ .+)$/m);
  const sections = parts.flatMap((part, index) =>
    part.startsWith(`${level} `)
      ? [[part.slice(level.length + 1), (parts[index + 1] ?? '').trim()] as const]
      : [],
  );
  return new Map(sections);
}
