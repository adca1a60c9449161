import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The sign that a process uses a folder: an empty folder in it, whose name says which process,
 * started when.
 */
const LOCK = /^emulator-(?<pid>\d{1,10})-(?<startedAt>\d{1,15})-[0-9a-f-]{36}\.lock$/;

/** In containers, the process after a restart has the number of the one before. */
const STARTED_AT = String(Math.floor(performance.timeOrigin));

/**
 * Takes a folder for one emulator of this machine, and answers how to give it up. Each emulator
 * first puts its sign and then looks for others, so that of two which start at once none misses the
 * other. Signs of processes that have ended are removed.
 * @throws {Error} naming the process that uses the folder
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const own = `emulator-${process.pid}-${STARTED_AT}-${randomUUID()}.lock`;
  const remove = (name: string): Promise<void> =>
    rm(join(folder, name), { recursive: true, force: true });
  await mkdir(join(folder, own));
  try {
    for (const name of await readdir(folder)) {
      const { pid, startedAt } = LOCK.exec(name)?.groups ?? {};
      if (name === own || pid === undefined) continue;
      if (isRunning(Number(pid), startedAt)) throw heldBy(pid, join(folder, name));
      await remove(name);
    }
  } catch (error) {
    await remove(own);
    throw error;
  }
  return () => remove(own);
}

function isRunning(pid: number, startedAt: string | undefined): boolean {
  if (pid === process.pid) return startedAt === STARTED_AT;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process may not be signalled, but is there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function heldBy(pid: string, sign: string): Error {
  return new Error(
    `another emulator uses it (process ${pid}). Close that one, or give each a folder of its own; if process ${pid} is no emulator, delete ${sign}.`,
  );
}
