import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until a condition holds. The limit is for conditions that never will: no machine is to be so
 * busy that it decides.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = 'the condition',
  longestSeconds = 60,
): Promise<void> {
  const endMs = Date.now() + longestSeconds * 1_000;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`${what} did not come true within ${longestSeconds} s`);
    await delay(5);
  }
}
