import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import {
  builtPackage,
  filesBelow,
  manifestOf,
  type PackageManifest,
  ROOT,
} from './support/files.js';
import { importsOf } from './support/imports.js';
import { pack, type PackResult } from './support/pack.js';
import { parseSource } from './support/syntax-tree.js';

/** What the tarball may hold; everything else is a mistake. */
const PACKED_FILE =
  /^(dist\/([a-z0-9.-]+\/)*[a-z0-9.-]+(\.js|\.d\.ts)|package\.json|LICENSE|CHANGELOG\.md|README(\.zh-CN)?\.md)$/;

const TOP_FILES = ['CHANGELOG.md', 'LICENSE', 'README.md', 'README.zh-CN.md', 'package.json'];

const MAX_PACKED_BYTES = 320 * 1024;
const MAX_UNPACKED_BYTES = 1280 * 1024;

let workplace: string;
let packed: PackResult;
let paths: readonly string[];

beforeAll(async () => {
  builtPackage();
  workplace = mkdtempSync(join(tmpdir(), 'packed-'));
  packed = await pack(workplace);
  paths = packed.files.map(file => file.path);
});

afterAll(() => {
  rmSync(workplace, { recursive: true, force: true });
});

describe('the tarball', () => {
  it('holds built code and its types, the texts, and nothing else', () => {
    expect(paths.filter(path => !PACKED_FILE.test(path))).toEqual([]);
    expect(paths.filter(path => !path.startsWith('dist/')).toSorted()).toEqual(TOP_FILES);
  });

  it('holds the types of every file of lib: nothing left over, nothing missing', () => {
    const expected = filesBelow(join(ROOT, 'lib')).map(
      path => `dist/${path.replace(/\.ts$/, '.d.ts')}`,
    );
    expect(paths.filter(path => path.endsWith('.d.ts')).toSorted()).toEqual(expected.toSorted());
  });

  it('holds one file of code for each entry, what they share, and no other code', () => {
    const entries = entryFilesOf(manifestOf(ROOT));
    const shared = entries.flatMap(sharedFilesOf);
    const code = paths.filter(path => path.endsWith('.js'));
    expect(code.toSorted()).toEqual([...new Set([...entries, ...shared])].toSorted());
    expect(shared).not.toEqual([]);
    expect(shared.filter(path => !path.startsWith('dist/shared/'))).toEqual([]);
  });

  it('stays small', () => {
    expect(packed.size).toBeLessThan(MAX_PACKED_BYTES);
    expect(packed.unpackedSize).toBeLessThan(MAX_UNPACKED_BYTES);
  });
});

/** What the entries of the package lead to. */
function entryFilesOf({ exports = {} }: PackageManifest): readonly string[] {
  return Object.values(exports)
    .flatMap(target => (typeof target === 'string' ? [] : [target.default]))
    .map(path => posix.normalize(path));
}

/** The files of this package that a built file imports. */
function sharedFilesOf(path: string): readonly string[] {
  return importsOf(parseSource(path, readFileSync(join(ROOT, path), 'utf8')))
    .map(({ specifier }) => specifier ?? 'something computed')
    .filter(specifier => specifier.startsWith('.'))
    .map(specifier => posix.join(posix.dirname(path), specifier));
}
