import { setTimeout as delay } from 'node:timers/promises';

/** The pause between two checks grows: short for what comes soon, long for what takes long. */
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 50;

/**
 * Waits until a condition holds. The limit is for conditions that never will: it is never reached
 * because a machine is busy.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = 'the condition',
  longestSeconds = 60,
): Promise<void> {
  const endMs = Date.now() + longestSeconds * 1_000;
  let pauseMs = FIRST_PAUSE_MS;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`${what} did not come true within ${longestSeconds} s`);
    await delay(pauseMs);
    pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS);
  }
}
