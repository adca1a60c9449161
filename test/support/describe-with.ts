import { describe } from '@jest/globals';
import { isInstalled, isSkippingAllowed, PROGRAMS, type Program } from './programs.mjs';

/** `describe` for suites that open pages in a browser; skipped without one. */
export const describeWithChromium: typeof describe = describeWith(PROGRAMS.chromium);

/** `describe` for suites that start a Redis server; skipped without one. */
export const describeWithRedis: typeof describe = describeWith(PROGRAMS.redis);

function describeWith(program: Program): typeof describe {
  const isRun = isInstalled(program) || !isSkippingAllowed;
  return isRun ? describe : (describe.skip as typeof describe);
}
