import { measureUploads } from './uploads.mjs';

const KB = 1_000;
const MB = 1_000_000;
/** The number of bytes per point of a plot, rounded to whole files. */
const PER_POINT = 1_000 * MB;
const MOST_FILES = 3_000;

const countFor = (bytes, parallel) =>
  Math.max(parallel, Math.min(MOST_FILES, Math.round(PER_POINT / bytes)));

const point = (x, bytes, parallel) => ({
  x,
  bytes,
  parallel,
  count: countFor(bytes, parallel),
  warmUp: Math.min(200, Math.max(1, Math.round((20 * MB) / bytes))),
});

const CONCURRENCY = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const SIZES = [KB, 10 * KB, 100 * KB, MB, 10 * MB, 100 * MB, 1_000 * MB];

/** Throughput and memory by the number of concurrent uploads, and by file size. */
export const SCALING = [
  {
    file: 'scaling-concurrency.svg',
    name: 'uploads at once, 1 MB files',
    axis: 'uploads at once',
    points: CONCURRENCY.map(parallel => point(parallel, MB, parallel)),
  },
  {
    file: 'scaling-size.svg',
    name: 'file size, 4 uploads at once',
    axis: 'bytes of a file',
    points: SIZES.map(bytes => point(bytes, bytes, bytes > 100 * MB ? 2 : 4)),
  },
];

/** The contestants of the plots. */
export const SCALED = ['raw', 'ours', 'ours-declared'];

/** Measures the data of one plot: a list of points for each contestant. */
export async function measureScaling({ points }, tools) {
  const series = Object.fromEntries(SCALED.map(name => [name, []]));
  for (const { x, ...upload } of points) {
    for (const name of SCALED) {
      const figures = await measureUploads(name, upload, tools);
      series[name].push({
        x,
        'MB/s': figures['MB/s'],
        'memory over idle MiB': figures['memory over idle MiB'],
      });
    }
  }
  return series;
}
