import { posix } from 'node:path';
import { importsOf, type ModuleImport, packageNameOf } from './imports.js';
import type { SourceFile } from './syntax-tree.js';

/** The imports that the files of a row may have, besides each other and `node:*`. */
interface FolderRule {
  /** Other rows: folders of the tree, or files that have a row of their own. */
  readonly folders: readonly string[];
  /** Single files of the tree. */
  readonly files?: readonly string[];
  /** Packages; a name that ends in `/*` stands for a whole scope. */
  readonly packages: readonly string[];
  /** Folders, files and packages among the above of which only types may be imported. */
  readonly typesOnly?: readonly string[];
}

/** The rules by folder, or by the path of a single file; `.` is the root of the tree. */
export type ImportTable = Readonly<Record<string, FolderRule>>;

const NOTHING: FolderRule = { folders: [], packages: [] };

/** Describes each import that breaks the table in one sentence. */
export function violationsOf(files: readonly SourceFile[], table: ImportTable): readonly string[] {
  return files.flatMap(file => {
    if (table[rowOf(file.path, table)] === undefined) {
      return [`${file.path}: no such folder in the table`];
    }
    return importsOf(file)
      .map(imported => complaintAbout(file, imported, table))
      .filter(complaint => complaint !== undefined)
      .map(complaint => `${file.path}: ${complaint}`);
  });
}

function complaintAbout(
  file: SourceFile,
  imported: ModuleImport,
  table: ImportTable,
): string | undefined {
  const { specifier } = imported;
  const row = rowOf(file.path, table);
  const rule = table[row] ?? NOTHING;
  if (specifier === undefined) return 'imports a computed name';
  if (specifier.startsWith('node:')) return undefined;
  const target = targetOf(file, specifier);
  const from = target === undefined ? packageNameOf(specifier) : rowOf(target, table);
  if (target !== undefined && from === row) return undefined;
  if (!isAllowed(from, target, rule)) return `may not import ${specifier}`;
  const isTypesOnly = rule.typesOnly?.some(name => name === from || name === target);
  if (isTypesOnly === true && !imported.isTypeOnly) {
    return `may import types only from ${specifier}`;
  }
  return undefined;
}

function isAllowed(from: string, target: string | undefined, rule: FolderRule): boolean {
  if (target !== undefined) {
    return rule.folders.includes(from) || (rule.files ?? []).includes(target);
  }
  return rule.packages.some(name =>
    name.endsWith('/*') ? from.startsWith(name.slice(0, -1)) : name === from,
  );
}

/** Circles of imports between files, types included, each as `a.ts → b.ts → a.ts`. */
export function cyclesOf(files: readonly SourceFile[]): readonly string[] {
  const targets = new Map(files.map(file => [file.path, targetsOf(file)]));
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): readonly string[] => {
    if (trail.includes(path)) return [[...trail.slice(trail.indexOf(path)), path].join(' → ')];
    if (finished.has(path)) return [];
    const found = (targets.get(path) ?? []).flatMap(target => visit(target, [...trail, path]));
    finished.add(path);
    return found;
  };
  return files.flatMap(file => visit(file.path, []));
}

/** Relative imports that lead to no file of the tree. */
export function deadImportsOf(files: readonly SourceFile[]): readonly string[] {
  const known = new Set(files.map(file => file.path));
  return files.flatMap(file =>
    targetsOf(file)
      .filter(target => !known.has(target))
      .map(target => `${file.path}: ${target} does not exist`),
  );
}

function targetsOf(file: SourceFile): readonly string[] {
  return importsOf(file)
    .map(({ specifier }) => (specifier === undefined ? undefined : targetOf(file, specifier)))
    .filter(target => target !== undefined);
}

/** The file of the tree that a relative specifier names; undefined for a package. */
export function targetOf(file: SourceFile, specifier: string): string | undefined {
  if (!/^\.{1,2}(\/|$)/.test(specifier)) return undefined;
  return posix.join(posix.dirname(file.path), specifier).replace(/\.js$/, '.ts');
}

/** The row of a path: its own, its nearest folder's, or its top folder; `.` for the root. */
export function rowOf(path: string, table: ImportTable): string {
  const rows = Object.keys(table).filter(row => path === row || path.startsWith(`${row}/`));
  const [nearest] = rows.toSorted((one, other) => other.length - one.length);
  return nearest ?? (path.includes('/') ? (path.split('/', 1)[0] ?? '.') : '.');
}
