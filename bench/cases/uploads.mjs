import { Program } from '../support/processes.mjs';

const KIB = 1024;
const MB = 1_000_000;
const ALL = [
  'raw',
  'noop',
  'bare',
  'ours',
  'ours-cos',
  'ours-declared',
  'memory',
  'node-sdk',
  'node-sdk-file',
  'multer-s3',
];
/** Beside all others where files are small. */
const SMALL = ['ours-pending', 'ours-traced', 'ours-spans', 'ours-stock', 'ours-stock-traced'];

/** Uploads of one size and concurrency, `count` of them per round. */
export const UPLOADS = [
  { name: '100 MB, one at a time', bytes: 100 * MB, parallel: 1, count: 12, warmUp: 2 },
  { name: '50 MB, 16 at a time', bytes: 50 * MB, parallel: 16, count: 48, warmUp: 2 },
  { name: '64 KiB, 32 at a time', bytes: 64 * KIB, parallel: 32, count: 6_000, warmUp: 3_000 },
  { name: '4 KiB, 32 at a time', bytes: 4 * KIB, parallel: 32, count: 6_000, warmUp: 3_000 },
].map(one => ({
  ...one,
  // Records, spans and metrics are a cost of each upload, whatever its size.
  contestants: one.bytes < MB ? [...ALL, ...SMALL] : ALL,
  measure: measureUploads,
}));

/**
 * Data that is slow for multipart parsers: the last byte of the boundary, at which their search
 * cannot skip far.
 */
export const HARD_UPLOADS = {
  name: '100 MB of one byte value, one at a time',
  bytes: 100 * MB,
  parallel: 1,
  count: 6,
  warmUp: 1,
  fill: 'W',
  contestants: ['raw', 'noop', 'bare', 'ours-declared'],
  measure: measureUploads,
};

/** Measures one contestant in one round. */
export async function measureUploads(contestant, upload, { cloud, load, isSmoke, execArgv }) {
  const { bytes, parallel, fill } = upload;
  const count = isSmoke ? Math.min(upload.count, parallel) : upload.count;
  const warmUp = isSmoke ? 1 : upload.warmUp;
  await cloud.ask('reset');
  const parameters = { contestant, cloud: cloud.ready };
  const application = await Program.start('application', parameters, execArgv);
  const run = { url: application.ready, bytes, parallel, fill };
  try {
    const idle = await application.ask('resetPeak');
    await load.ask('run', { ...run, count: warmUp, parallel: Math.min(parallel, warmUp) });
    await cloud.ask('reset');
    const before = await application.ask('resetPeak');
    const { seconds, p50Ms, p99Ms } = await load.ask('run', { ...run, count });
    const after = await application.ask('usage');
    await assertArrived(contestant, cloud, { count, bytes });
    const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
    return {
      'MB/s': (count * bytes) / MB / seconds,
      'requests/s': count / seconds,
      'p50 ms': p50Ms,
      'p99 ms': p99Ms,
      'CPU s/GB': (cpuSeconds / (count * bytes)) * 1_000 * MB,
      'CPU s/1000 requests': (cpuSeconds / count) * 1_000,
      'memory over idle MiB': (after.peakBytes - idle.residentBytes) / KIB / KIB,
      'peak memory MiB': after.peakBytes / KIB / KIB,
    };
  } finally {
    await application.stop();
  }
}

/** Checks that all files arrived, because losing some would be fast. */
async function assertArrived(contestant, cloud, { count, bytes }) {
  const { objects, bytes: arrived } = await cloud.ask('counts');
  const expected =
    contestant === 'noop' ? { objects: 0, bytes: 0 } : { objects: count, bytes: count * bytes };
  if (objects === expected.objects && arrived >= expected.bytes) return;
  throw new Error(
    `${contestant}: ${objects} objects of ${arrived} bytes arrived, not ${count} of ${bytes}`,
  );
}
