import { setTimeout as delay } from 'node:timers/promises';

/** Waits until a condition holds, and fails when it does not within five seconds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = 'the condition',
): Promise<void> {
  const endMs = Date.now() + 5_000;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`${what} did not come true within 5 s`);
    await delay(5);
  }
}
