import { fork } from 'node:child_process';
import { once } from 'node:events';
import { FOOTPRINTS } from '../support/footprint.mjs';
import { median } from '../support/statistics.mjs';

const PROGRAM = new URL('../programs/start-up.mjs', import.meta.url);

async function startOnce(contestant) {
  const child = fork(PROGRAM, [contestant]);
  const [ms] = await once(child, 'message');
  await once(child, 'exit');
  return ms;
}

/**
 * Imports and module initialisation, compared with a bare Nest application in turn, and the size of
 * the installed package.
 */
export const START_UP = {
  name: 'start-up over a bare Nest application',
  contestants: ['ours', 'node-sdk'],
  measure: async (contestant, _case, { isSmoke }) => {
    const bare = [];
    const whole = [];
    for (let index = 0; index < (isSmoke ? 1 : 7); index += 1) {
      bare.push(await startOnce('bare'));
      whole.push(await startOnce(contestant));
    }
    const { packages, megabytes } = FOOTPRINTS[contestant]();
    return {
      'bare ms': median(bare),
      'whole ms': median(whole),
      'over bare ms': median(whole) - median(bare),
      packages,
      'packages MB': megabytes,
    };
  },
};
