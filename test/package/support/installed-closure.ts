import { cpSync, existsSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { manifestOf } from './files.js';

/**
 * Names the folders of all packages that a fresh installation of the package in `root` and of its
 * peers would hold, as far as they are installed below `root`: the packages that `root` declares,
 * with optional peers, and all that these need. Nested `node_modules` are looked up as Node does. A
 * package that is needed and missing is an error.
 */
export function installedClosureOf(root: string): readonly string[] {
  const { dependencies, peerDependencies } = manifestOf(root);
  const found = new Set<string>();
  const waiting = Object.keys({ ...dependencies, ...peerDependencies }).map(name =>
    locate(root, root, name),
  );
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    if (found.has(folder)) continue;
    found.add(folder);
    waiting.push(...needsOf(root, folder));
  }
  return [...found].toSorted();
}

/** Copies packages below `root` to their places below `target`, without nested `node_modules`. */
export function copyPackages(root: string, target: string, folders: readonly string[]): void {
  for (const folder of folders) {
    cpSync(folder, join(target, relative(root, folder)), {
      recursive: true,
      filter: source => basename(source) !== 'node_modules',
    });
  }
}

function needsOf(root: string, folder: string): readonly string[] {
  const manifest = manifestOf(folder);
  const peers = Object.keys(manifest.peerDependencies ?? {}).filter(
    name => manifest.peerDependenciesMeta?.[name]?.optional !== true,
  );
  const optional = Object.keys(manifest.optionalDependencies ?? {});
  const needed = [...Object.keys(manifest.dependencies ?? {}), ...peers].filter(
    name => !optional.includes(name),
  );
  return [
    ...needed.map(name => locate(root, folder, name)),
    ...optional.flatMap(name => candidate(root, folder, name) ?? []),
  ];
}

function locate(root: string, from: string, name: string): string {
  const folder = candidate(root, from, name);
  if (folder === undefined) throw new Error(`${relative(root, from)} needs ${name}: not installed`);
  return folder;
}

function candidate(root: string, from: string, name: string): string | undefined {
  const folder = join(from, 'node_modules', name);
  if (existsSync(join(folder, 'package.json'))) return folder;
  return from === root ? undefined : candidate(root, dirname(from), name);
}
