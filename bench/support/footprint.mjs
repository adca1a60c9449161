import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Counts the runtime dependencies of a package, without itself and its peers, and their size on
 * disk.
 */
function footprintOf(folder) {
  const found = new Map();
  const visit = from => {
    const { dependencies = {} } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) {
      const at = resolve(from, name);
      if (found.has(at)) continue;
      found.set(at, sizeOf(at));
      visit(at);
    }
  };
  visit(folder);
  const bytes = [...found.values()].reduce((sum, size) => sum + size, 0);
  return { packages: found.size, megabytes: bytes / 1e6 };
}

/** The footprints of this package and of one that the benchmark installs. */
export const FOOTPRINTS = {
  ours: () => footprintOf(ROOT),
  'node-sdk': () => footprintOf(join(ROOT, 'bench/node_modules/@cloudbase/node-sdk')),
};

function resolve(from, name) {
  for (let folder = from; ; folder = dirname(folder)) {
    const at = join(folder, 'node_modules', name);
    if (existsSync(join(at, 'package.json'))) return at;
    if (folder === dirname(folder)) throw new Error(`${name} is not installed for ${from}`);
  }
}

/** Measures a folder without nested packages, which are counted separately. */
function sizeOf(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules')
    .reduce((sum, entry) => {
      const path = join(folder, entry.name);
      return sum + (entry.isDirectory() ? sizeOf(path) : statSync(path).size);
    }, 0);
}
