// The benchmark: see README.md for the method, the cases and the findings.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { DOWNLOAD } from './cases/download.mjs';
import { FORM_OF_FILES, LINKS } from './cases/latency.mjs';
import { measureScaling, SCALED, SCALING } from './cases/scaling.mjs';
import { BOTH_LEGS, BEHIND_CLIENT } from './cases/legs.mjs';
import { SEARCH } from './cases/search.mjs';
import { START_UP } from './cases/start-up.mjs';
import { HARD_UPLOADS, UPLOADS } from './cases/uploads.mjs';
import { installPeers, OWN } from './support/peers.mjs';
import { Program } from './support/processes.mjs';
import { show, summarize } from './support/statistics.mjs';
import { drawScaling } from './support/svg.mjs';

const CASES = [
  ...UPLOADS,
  HARD_UPLOADS,
  BOTH_LEGS,
  BEHIND_CLIENT,
  SEARCH,
  FORM_OF_FILES,
  LINKS,
  DOWNLOAD,
  START_UP,
];

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
const rounds = Number(values.rounds ?? (isSmoke ? 1 : 3));
const execArgv = values.profile ? ['--cpu-prof', `--cpu-prof-dir=${values.profile}`] : [];
// From the start of a word: "4 KiB" does not mean "64 KiB".
const isChosen = name => values.case?.some(part => ` ${name}`.includes(` ${part}`)) ?? true;
const cases = CASES.filter(({ name }) => isChosen(name));
const contestantsOf = ({ contestants }) =>
  contestants.filter(name => values.contestant?.includes(name) ?? true);

/** Measures round by round, so that other load on the machine affects all contestants equally. */
async function runCase(one, tools) {
  const contestants = contestantsOf(one);
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

const plots = SCALING.filter(({ name }) => !isSmoke && isChosen(name));

if (cases.flatMap(contestantsOf).some(name => !OWN.includes(name))) installPeers();
const cloud = await Program.start('cloud');
const load = await Program.start('load');
const results = {};
try {
  for (const one of cases) {
    results[one.name] = await runCase(one, { cloud, load, isSmoke, execArgv });
    print(one.name, results[one.name]);
  }
  for (const plot of plots) {
    console.log(`\n${plot.name}: ${SCALED.join(', ')}`);
    const series = await measureScaling(plot, { cloud, load, isSmoke, execArgv });
    results[plot.name] = series;
    writeFileSync(new URL(plot.file, import.meta.url), drawScaling({ ...plot, series }));
  }
} finally {
  await load.stop();
  await cloud.stop();
}
const machine = { node: process.version, cpus: cpus().length, model: cpus()[0].model };
const file = values.results ?? new URL('results.json', import.meta.url);
if (!isSmoke) writeFileSync(file, `${JSON.stringify({ machine, rounds, results }, null, 2)}\n`);
