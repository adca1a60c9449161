import { readdirSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How often garbage is collected for one measurement: what one collection frees may free more in the next. */
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
    // The handle of the folder itself is closed by now.
    return '';
  }
};

/** What the process holds open: resources of the event loop by type, and all file descriptors. */
export function readHandles() {
  const descriptors = readdirSync('/proc/self/fd').length;
  return { ...tally(process.getActiveResourcesInfo()), 'file descriptors': descriptors };
}

/** Temporary files with a name, and those that have lost it but are open. */
export function readTemporary(folder) {
  const targets = readdirSync('/proc/self/fd').map(readTarget);
  return {
    names: readdirSync(folder).length,
    openHandles: targets.filter(target => target.startsWith(folder)).length,
  };
}

/** Memory once all garbage is gone. */
export async function readMemory() {
  for (let round = 0; round < COLLECTIONS; round += 1) {
    await nextTurn();
    globalThis.gc();
  }
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  return { heapUsed, external, arrayBuffers, rss };
}
