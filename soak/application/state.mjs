import { readdirSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** The number of garbage collections for one measurement: one may free objects for the next. */
const COLLECTIONS = 5;

const tally = names => {
  const counts = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
};

const readTarget = handle => {
  try {
    return readlinkSync(`/proc/self/fd/${handle}`);
  } catch {
    // The handle of the folder itself is already closed.
    return '';
  }
};

/** Lists open resources: those of the event loop by type, and all file descriptors. */
export function readHandles() {
  const descriptors = readdirSync('/proc/self/fd').length;
  return { ...tally(process.getActiveResourcesInfo()), 'file descriptors': descriptors };
}

/** Lists temporary files with a name, and open ones without a name. */
export function readTemporary(folder) {
  const targets = readdirSync('/proc/self/fd').map(readTarget);
  return {
    names: readdirSync(folder).length,
    openHandles: targets.filter(target => target.startsWith(folder)).length,
  };
}

/** Measures memory after garbage collection. */
export async function readMemory() {
  for (let round = 0; round < COLLECTIONS; round += 1) {
    await nextTurn();
    globalThis.gc();
  }
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  return { heapUsed, external, arrayBuffers, rss };
}
