// The soak. README.md describes what it does and how to read its output.
import { parseArgs } from 'node:util';
import { isInstalled, isSkippingAllowed, PROGRAMS } from '../test/support/programs.mjs';
import { findReplicaViolations, findViolations } from './checks/find-violations.mjs';
import { ReplicaSoak } from './replica-soak.mjs';
import { describeFigures, describeReplicaFigures, describeRequests } from './report.mjs';
import { Soak } from './soak.mjs';

const IN_ONE_PROCESS = { Soak, describe: describeFigures, find: findViolations };
/** The soaks by the adapter; that of replicas has several. */
const SOAKS = {
  express: IN_ONE_PROCESS,
  fastify: IN_ONE_PROCESS,
  http2: IN_ONE_PROCESS,
  replicas: {
    Soak: ReplicaSoak,
    describe: describeReplicaFigures,
    find: findReplicaViolations,
    program: PROGRAMS.redis,
  },
};
const ADAPTERS = Object.keys(SOAKS);
/** The maximum number of violations that are printed; the others are counted. */
const MOST_PRINTED = 20;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '80' },
    clients: { type: 'string', default: '64' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    adapter: { type: 'string' },
    'fault-share': { type: 'string', default: '0.1' },
    'no-freezes': { type: 'boolean', default: false },
  },
});

function readNumber(name, isWanted, expected) {
  const number = Number(values[name]);
  if (isWanted(number)) return number;
  throw new TypeError(`--${name} has to be ${expected}.`);
}

function readOptions() {
  const { adapter } = values;
  if (adapter !== undefined && !ADAPTERS.includes(adapter))
    throw new TypeError(`--adapter has to be one of ${ADAPTERS.join(', ')}.`);
  const isSeed = number => Number.isInteger(number) && number >= 0 && number < 2 ** 32;
  return {
    adapters: adapter === undefined ? ADAPTERS : [adapter],
    seconds: readNumber('seconds', number => number > 0, 'a number of seconds above 0'),
    clients: readNumber(
      'clients',
      number => Number.isInteger(number) && number > 0,
      'a whole number from 1',
    ),
    seed: readNumber('seed', isSeed, 'a whole number from 0 to 4294967295'),
    withFreezes: !values['no-freezes'],
    faultShare: readNumber('fault-share', share => share >= 0 && share <= 1, 'a share from 0 to 1'),
  };
}

const print = line => process.stdout.write(`${line}\n`);

function printViolations(violations, { adapter, seed }) {
  for (const violation of violations.slice(0, MOST_PRINTED))
    print(`VIOLATION (${adapter}): ${violation}`);
  const hidden = violations.length - MOST_PRINTED;
  if (hidden > 0) print(`and ${hidden} more`);
  if (violations.length > 0) print(`Run it again with --adapter ${adapter} --seed ${seed}.`);
}

const { adapters, seconds, ...options } = readOptions();
const records = [];
const broken = [];
for (const adapter of adapters) {
  const { Soak: AnySoak, describe, program } = SOAKS[adapter];
  if (program !== undefined && !isInstalled(program) && isSkippingAllowed) {
    print(`Skipped: the soak of ${adapter}. To run it too: ${program.install}`);
    continue;
  }
  const soak = new AnySoak({ ...options, adapter, seconds: seconds / adapters.length });
  // A process that is killed, e.g. for lack of memory, leaves no record.
  const record = await soak.run().catch(error => void broken.push({ adapter, error }));
  if (record === undefined) continue;
  for (const line of describe(record)) print(line);
  records.push(record);
}
if (records.length > 0) for (const line of describeRequests(records)) print(line);
const violations = records.map(record => SOAKS[record.adapter].find(record));
for (const [index, found] of violations.entries()) printViolations(found, records[index]);
for (const { adapter, error } of broken)
  printViolations([`the soak could not go on: ${error.stack}`], { adapter, seed: options.seed });
const total = violations.flat().length + broken.length;
print(total === 0 ? 'No violation.' : `${total} violations, seed ${options.seed}.`);
process.exitCode = total === 0 ? 0 : 1;
