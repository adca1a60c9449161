import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import {
  builtPackage,
  type EntryFiles,
  filesBelow,
  manifestOf,
  type PackageManifest,
  ROOT,
} from './support/files.js';
import { anchorsOf, linksOf, type PageLink } from './support/page-links.js';
import { pack, type PackResult } from './support/pack.js';
import { mappedPlacesOf } from './support/source-maps.js';

/** The files that the tarball may hold; everything else is a mistake. */
const PACKED_FILE =
  /^(dist\/([a-z0-9.-]+\/)*[a-z0-9.-]+(\.c?js|\.d\.c?ts)(\.map)?|lib\/([a-z0-9.-]+\/)*[a-z0-9.-]+\.ts|dist\/shared\/LICENSES\.txt|package\.json|LICENSE|CHANGELOG\.md|README(\.zh-CN)?\.md|docs\/((decisions\/)?[a-z0-9-]+|README)(\.zh-CN)?\.md|docs\/images\/[a-zA-Z-]+\.webp)$/;

const TOP_FILES = ['CHANGELOG.md', 'LICENSE', 'README.md', 'README.zh-CN.md', 'package.json'];

const MAX_PACKED_BYTES = 1_792 * 1024;
const MAX_UNPACKED_BYTES = 6_144 * 1024;

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
    expect(paths.filter(path => !/^(dist|docs|lib)\//.test(path)).toSorted()).toEqual(TOP_FILES);
  });

  it('holds the types that its entries lead to, and no others', () => {
    const types = paths.filter(path => /\.d\.c?ts$/.test(path));
    const reached = closureOf(entryFilesOf(manifestOf(ROOT), 'types'));
    expect(types.toSorted()).toEqual(reached);
  });

  it('holds the same types for both module systems', () => {
    const read = (path: string): string => textOf(path).replace(/^\/\/# sourceMappingURL=.+$/m, '');
    const twins = paths.filter(path => path.endsWith('.d.cts'));
    expect(twins).not.toEqual([]);
    expect(twins.filter(path => read(path).includes(".js'"))).toEqual([]);
    expect(twins.map(path => read(path).replaceAll(/\.cjs(['"])/g, '.js$1'))).toEqual(
      twins.map(path => read(path.replace(/\.d\.cts$/, '.d.ts'))),
    );
  });

  it('holds one file of code for each entry and module system, what they share, and no other code', () => {
    const entries = entryFilesOf(manifestOf(ROOT), 'default');
    const reached = closureOf(entries);
    const code = paths.filter(path => /^(?!dist\/cli\/).*(?<!\.d)\.c?js$/.test(path));
    expect(code.toSorted()).toEqual(reached);
    const shared = reached.filter(path => !entries.includes(path));
    expect(shared).not.toEqual([]);
    expect(shared.filter(path => !path.startsWith('dist/shared/'))).toEqual([]);
  });

  it('holds the program, which uses the entries and has no copy of what is in them', () => {
    const [program = ''] = Object.values({ ...manifestOf(ROOT).bin });
    const own = paths.filter(path => /^dist\/cli\/.*\.js$/.test(path)).toSorted();
    const named = own.flatMap(ownFilesNamedBy).filter(path => !path.startsWith('dist/cli/'));
    expect(own).toEqual(closureOf([program]).filter(path => path.startsWith('dist/cli/')));
    expect(named.toSorted()).toEqual(['dist/emulator/index.js', 'dist/index.js']);
    expect(readFileSync(join(ROOT, program), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it.each(['docs', 'lib'])('holds all of %s/', folder => {
    const files = filesBelow(join(ROOT, folder)).map(path => `${folder}/${path}`);
    expect(paths.filter(path => path.startsWith(`${folder}/`)).toSorted()).toEqual(
      files.toSorted(),
    );
  });

  it('holds the map that each of its files names, and the sources that the maps lead to', () => {
    const named = paths
      .filter(path => /^dist\/.*s$/.test(path))
      .flatMap(path =>
        [...textOf(path).matchAll(/^\/\/# sourceMappingURL=(.+)$/gm)].map(([, map = '']) =>
          posix.join(posix.dirname(path), map),
        ),
      );
    const maps = paths.filter(path => path.endsWith('.map'));
    const sources = maps.flatMap(mappedPlacesOf).map(({ source }) => source);
    expect(maps.toSorted()).toEqual([...new Set(named)].toSorted());
    expect([...new Set(sources)].filter(source => !paths.includes(source))).toEqual([]);
  });

  it('has maps that lead from a throw to the same throw in lib/', () => {
    const throws = placesOf(/\.c?js\.map$/, /^throw new (?:\w+\.)*(\w+)/);
    expect(throws.length).toBeGreaterThan(100);
    expect(throws.filter(({ name, original }) => !original.includes(`throw new ${name}`))).toEqual(
      [],
    );
  });

  it('has maps that lead from a name in its types to the same name in lib/', () => {
    const names = placesOf(/\.d\.c?ts\.map$/, /^(?!readonly |export |declare )(\w+)/);
    expect(names.length).toBeGreaterThan(2_000);
    expect(names.filter(({ name, original }) => !original.startsWith(name))).toEqual([]);
  });

  it('holds what the links of its pages lead to, with their anchors', () => {
    const pages = paths.filter(path => path.endsWith('.md'));
    const links = pages.flatMap(page => linksOf(page, textOf(page)));
    expect(links.length).toBeGreaterThan(50);
    expect(links.filter(link => isDead(link))).toEqual([]);
  });

  it('names the licences of the packages that its CommonJS build holds', () => {
    const text = readFileSync(join(ROOT, 'dist/shared/LICENSES.txt'), 'utf8');
    expect(text).toMatch(
      /^file-type \d+\.\d+\.\d+\n\nMIT License\n\nCopyright \(c\) Sindre Sorhus/m,
    );
  });

  it('stays small', () => {
    expect(packed.size).toBeLessThan(MAX_PACKED_BYTES);
    expect(packed.unpackedSize).toBeLessThan(MAX_UNPACKED_BYTES);
  });
});

const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** The places in the built files where `pattern` matches, with its group and the line in `lib/`. */
function placesOf(
  maps: RegExp,
  pattern: RegExp,
): readonly { readonly name: string; readonly source: string; readonly original: string }[] {
  return paths
    .filter(path => maps.test(path))
    .flatMap(mappedPlacesOf)
    .flatMap(({ built, source, original = '' }) => {
      const name = pattern.exec(built)?.[1];
      return name === undefined ? [] : [{ name, source, original }];
    });
}

/** True when the tarball has no such file, or folder, or heading in it. */
function isDead({ target, anchor }: PageLink): boolean {
  if (paths.includes(target)) {
    return anchor !== undefined && !anchorsOf(textOf(target)).includes(anchor);
  }
  return anchor !== undefined || !paths.some(path => path.startsWith(`${target}/`));
}

/** The files of the package's entries, of all module systems. */
function entryFilesOf(
  { exports = {} }: PackageManifest,
  kind: keyof EntryFiles,
): readonly string[] {
  const files = Object.values(exports)
    .flatMap(target => (typeof target === 'string' ? [] : Object.values(target)))
    .map(({ [kind]: path }) => posix.normalize(path));
  return [...new Set(files)];
}

/** These files and all of the package that they name, directly or not, sorted. */
function closureOf(entries: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const follow = (path: string): void => {
    if (found.has(path)) return;
    found.add(path);
    ownFilesNamedBy(path).forEach(follow);
  };
  entries.forEach(follow);
  return [...found].toSorted();
}

/** The files of this package that a built file names. */
function ownFilesNamedBy(path: string): readonly string[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  // In the one form that the compiler and rollup write: to parse half a megabyte takes seconds.
  const specifiers = text.matchAll(/(?:from |import |import\(|require\()['"](\.[^'"]+)['"]/g);
  return [...specifiers]
    .map(([, specifier = '']) => specifier)
    .map(specifier =>
      /\.d\.c?ts$/.test(path) ? specifier.replace(/\.(c?)js$/, '.d.$1ts') : specifier,
    )
    .map(specifier => posix.join(posix.dirname(path), specifier));
}
