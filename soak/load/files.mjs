import { createHash } from 'node:crypto';
import { Random } from '../support/random.mjs';

const MIB = 1024 * 1024;
/**
 * Ranges of sizes in bytes, with their weights: empty, shorter than type detection needs, memory,
 * spool.
 */
const SIZES = [
  { weight: 5, range: [0, 0] },
  { weight: 7, range: [3, 3] },
  { weight: 35, range: [100, 8_192] },
  { weight: 33, range: [8_193, 200_000] },
  { weight: 14, range: [200_001, 700_000] },
  { weight: 6, range: [700_001, 3 * MIB] },
];

/** The smallest PNG, so that a file's first bytes show a type. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

const POOL = makePool(4 * MIB);

function makePool(bytes) {
  const random = new Random(1);
  const words = Uint32Array.from({ length: bytes / 4 }, () => random.next() * 2 ** 32);
  return Buffer.from(words.buffer);
}

/** Makes a file with unique content of a random size. */
export function makeFile(
  random,
  { name, size = random.integer(...random.pickWeighted(SIZES).range) },
) {
  const start = random.integer(0, POOL.byteLength - size);
  return describe(name, POOL.subarray(start, start + size));
}

/** Makes a file that begins like an image. */
export function makeImage(random, name, size) {
  const { bytes } = makeFile(random, { name, size });
  return describe(name, Buffer.concat([PNG, bytes]));
}

function describe(name, bytes) {
  return { name, bytes, sha256: hash(bytes) };
}

export const hash = bytes => createHash('sha256').update(bytes).digest('hex');
