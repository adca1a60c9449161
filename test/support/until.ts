import { setTimeout as delay } from 'node:timers/promises';

/** Waits until a condition holds, and fails when it does not within some seconds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = 'the condition',
  longestSeconds = 5,
): Promise<void> {
  const endMs = Date.now() + longestSeconds * 1_000;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`${what} did not come true within ${longestSeconds} s`);
    await delay(5);
  }
}
