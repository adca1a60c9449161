// Checks the comments of the repository's own code with the rules of `comment-rules.mjs`.
// Prints a line for each breach and exits with 1 if there is one.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { problemsOf } from './comment-rules.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const FOLDERS = [
  'lib',
  'sample/image-lab/src',
  'sample/image-lab/public/scripts',
  'test',
  'bench',
  'scripts',
  'soak',
  'compat',
];

const SOURCE = /\.[cm]?[jt]s$/;

const NOT_OURS = /(?:^|\/)(?:node_modules|dist)\/|^compat\/projects\/|^test\/fixtures\//;

function sourcesBelow(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && SOURCE.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name).slice(ROOT.length).replaceAll('\\', '/'))
    .filter(path => !NOT_OURS.test(path))
    .toSorted();
}

const problems = FOLDERS.flatMap(sourcesBelow).flatMap(path =>
  problemsOf(path, readFileSync(join(ROOT, path), 'utf8'), path.startsWith('lib/')),
);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
