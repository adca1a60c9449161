import { afterEach } from '@jest/globals';

const cleanups: (() => unknown)[] = [];

/** Runs a clean-up at the end of the current test, the last registered one first. */
export function afterThisTest(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
