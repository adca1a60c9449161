// The benchmark: see README.md for the method, the cases and the findings.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { HARD_UPLOADS, UPLOADS } from './cases/uploads.mjs';
import { Program } from './support/processes.mjs';
import { show, summarize } from './support/statistics.mjs';

const CASES = [...UPLOADS, HARD_UPLOADS];

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    case: { type: 'string', multiple: true },
    contestant: { type: 'string', multiple: true },
    results: { type: 'string' },
    profile: { type: 'string' },
  },
});
const isSmoke = values.smoke;
const execArgv = values.profile ? ['--cpu-prof', `--cpu-prof-dir=${values.profile}`] : [];
const rounds = Number(values.rounds ?? (isSmoke ? 1 : 3));
const isChosen = (chosen, name) => chosen === undefined || chosen.some(part => name.includes(part));

/** Round by round, so that what else the machine does befalls all contestants alike. */
async function runCase(one, tools) {
  const contestants = one.contestants.filter(
    name => values.contestant === undefined || values.contestant.includes(name),
  );
  const measured = Object.fromEntries(contestants.map(name => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of contestants) {
      measured[contestant].push(await one.measure(contestant, one, tools));
    }
  }
  return Object.fromEntries(
    contestants.map(contestant => [contestant, summarize(measured[contestant])]),
  );
}

function print(name, results) {
  console.log(`\n${name}`);
  const rows = Object.entries(results).map(([contestant, figures]) => [
    contestant,
    Object.fromEntries(Object.entries(figures).map(([figure, value]) => [figure, show(value)])),
  ]);
  console.table(Object.fromEntries(rows));
}

const cloud = await Program.start('cloud');
const load = await Program.start('load');
const results = {};
try {
  for (const one of CASES.filter(({ name }) => isChosen(values.case, name))) {
    results[one.name] = await runCase(one, { cloud, load, isSmoke, execArgv });
    print(one.name, results[one.name]);
  }
} finally {
  await load.stop();
  await cloud.stop();
}
const machine = { node: process.version, cpus: cpus().length, model: cpus()[0].model };
const file = values.results ?? new URL('results.json', import.meta.url);
if (!isSmoke) writeFileSync(file, `${JSON.stringify({ machine, rounds, results }, null, 2)}\n`);
