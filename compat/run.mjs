// Runs the packed package in fresh applications and projects. See README.md.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runMatrix } from './matrix.mjs';
import { runProjects } from './projects.mjs';
import { installNodes, npm } from './support/npm.mjs';
import { checkTypes } from './types.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NODES = ['20', '22', '24', '26'];
const PARTS = { types: checkTypes, projects: runProjects, matrix: runMatrix };

const { values: only } = parseArgs({
  options: { nest: { type: 'string' }, node: { type: 'string' }, part: { type: 'string' } },
});

/** Prints a table for each part with the failures below it, and returns true if there are none. */
function print(results) {
  const table = {};
  for (const { row, column, passed, failed } of results) {
    const outcome = failed.length === 0 ? `${passed} ok` : `${failed.length} failed`;
    table[row] = { ...table[row], [column]: outcome };
  }
  console.table(table);
  const failures = results.flatMap(({ row, column, failed }) =>
    failed.map(failure => `${row}, ${column}: ${failure}`),
  );
  for (const failure of failures) console.error(failure);
  return results.length > 0 && failures.length === 0;
}

const workplace = await mkdtemp(join(tmpdir(), 'wx-cloud-compat-'));
try {
  await npm(ROOT, ['pack', '--pack-destination', workplace, '--silent']);
  const tarball = join(
    workplace,
    (await readdir(workplace)).find(name => name.endsWith('.tgz')),
  );
  const nodes = NODES.filter(version => only.node === undefined || version === only.node);
  const binaries = await installNodes(workplace, nodes);
  const parts = Object.entries(PARTS).filter(([name]) => [undefined, name].includes(only.part));
  const outcomes = [];
  for (const [, run] of parts) {
    outcomes.push(print(await run({ workplace, tarball, binaries, nest: only.nest })));
  }
  const isGood = outcomes.length > 0 && outcomes.every(Boolean);
  console.log(isGood ? 'every combination passed' : 'there were failures');
  if (!isGood) process.exitCode = 1;
} finally {
  await rm(workplace, { recursive: true, force: true });
}
