import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { parseSource, type SourceFile } from './syntax-tree.js';

/** The root of the repository: tests run from it. */
export const ROOT = resolve('.');

/** Paths of all files below a folder, relative to it, sorted, with forward slashes. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .toSorted();
}

/** All files below a folder whose path fits, parsed. */
export function sourcesBelow(folder: string, pattern: RegExp): readonly SourceFile[] {
  return filesBelow(folder)
    .filter(path => pattern.test(path))
    .map(path => parseSource(path, readFileSync(join(folder, path), 'utf8')));
}

/** The built package's folder; a missing build is an error that says what to do. */
export function builtPackage(): string {
  const dist = join(ROOT, 'dist');
  if (!existsSync(join(dist, 'index.js'))) {
    throw new Error('dist/index.js is missing: run npm run build first');
  }
  return dist;
}

/** The files that a condition of an entry leads to. */
export interface EntryFiles {
  readonly types: string;
  readonly default: string;
}

/** The files that an entry of a package leads to, by condition. */
type PackageEntry = Readonly<Record<'module-sync' | 'require' | 'default', EntryFiles>>;

/** The members of a package.json that these tests read. */
export interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly exports?: Readonly<Record<string, string | PackageEntry>>;
  /** The programs, each with its file. */
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** The package.json of a folder. */
export function manifestOf(folder: string): PackageManifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageManifest;
}
