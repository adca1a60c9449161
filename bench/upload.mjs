// Uploads through a Nest application: ours beside the usual tutorial. See README.md for the method.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

const { smoke } = parseArgs({ options: { smoke: { type: 'boolean', default: false } } }).values;
const ROUNDS = smoke ? 1 : 3;
const CASES = [
  { name: '64 KiB, 16 at a time', bytes: 65_536, uploads: smoke ? 16 : 800, parallel: 16 },
  { name: '20 MiB, 4 at a time', bytes: 20 * 1024 * 1024, uploads: smoke ? 4 : 24, parallel: 4 },
];
const CONTESTANTS = ['ours', 'tutorial'];

const start = async (program, ...args) => {
  const child = fork(new URL(`support/${program}.mjs`, import.meta.url), args);
  const [message] = await once(child, 'message');
  return { child, message };
};
const stop = async ({ child }) => {
  child.disconnect();
  await once(child, 'exit');
};
const readUsage = async url => (await fetch(`${url}/usage`)).json();

async function uploadOnce(url, file) {
  const form = new FormData();
  form.append('file', file, 'bench.bin');
  const answer = await fetch(`${url}/upload`, { method: 'POST', body: form });
  const { size } = await answer.json();
  if (answer.status !== 201 || size !== file.size)
    throw new Error(`wrong answer: ${answer.status}, ${size} bytes`);
}

async function measure(contestant, options, { bytes, uploads, parallel }) {
  const application = await start('application', contestant, JSON.stringify(options));
  const url = application.message;
  const file = new Blob([randomBytes(bytes)]);
  await uploadOnce(url, file);
  const before = await readUsage(url);
  const startedMs = performance.now();
  let left = uploads;
  const worker = async () => {
    while (left-- > 0) await uploadOnce(url, file);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  const seconds = (performance.now() - startedMs) / 1000;
  const after = await readUsage(url);
  await stop(application);
  const cpuSeconds =
    (after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system) / 1e6;
  return {
    'MiB/s': (uploads * bytes) / 1024 ** 2 / seconds,
    'uploads/s': uploads / seconds,
    'CPU s': cpuSeconds,
    'peak MiB': after.peakKilobytes / 1024,
  };
}

const median = values => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const show = values =>
  `${median(values).toFixed(1)} (${Math.min(...values).toFixed(1)}–${Math.max(...values).toFixed(1)})`;

const cloud = await start('cloud');
for (const benchmark of CASES) {
  const rounds = Object.fromEntries(CONTESTANTS.map(contestant => [contestant, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contestant of CONTESTANTS) {
      rounds[contestant].push(await measure(contestant, cloud.message, benchmark));
    }
  }
  console.log(benchmark.name);
  console.table(
    Object.fromEntries(
      CONTESTANTS.map(contestant => [
        contestant,
        Object.fromEntries(
          Object.keys(rounds[contestant][0]).map(figure => [
            figure,
            show(rounds[contestant].map(values => values[figure])),
          ]),
        ),
      ]),
    ),
  );
}
await stop(cloud);
