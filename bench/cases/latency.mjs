import { median } from '../support/statistics.mjs';
import { Program } from '../support/processes.mjs';

const LATENCY = { apiMs: 50, objectMs: 20 };
const BYTES = 64 * 1024;

/** One form with 20 files to a slow cloud, compared with a form with one of them. */
export const FORM_OF_FILES = {
  name: 'one form of 20 × 64 KiB, API 50 ms, COS 20 ms',
  contestants: [
    'ours',
    'ours-cos',
    'ours-kept',
    'ours-declared',
    'memory',
    'node-sdk',
    'multer-s3',
  ],
  measure: async (contestant, _case, { cloud, load, isSmoke }) => {
    const application = await Program.start('application', { contestant, cloud: cloud.ready });
    const run = { url: application.ready, bytes: BYTES, parallel: 1 };
    try {
      await cloud.ask('reset');
      await load.ask('run', { ...run, count: 5 });
      await cloud.ask('reset', LATENCY);
      const count = isSmoke ? 1 : 7;
      const one = await load.ask('run', { ...run, count });
      await cloud.ask('reset', LATENCY);
      const twenty = await load.ask('run', { ...run, count, files: 20 });
      const { objects } = await cloud.ask('counts');
      if (objects !== 20 * count) throw new Error(`${contestant}: ${objects} objects arrived`);
      return {
        'one file ms': one.p50Ms,
        '20 files ms': twenty.p50Ms,
        'times one': twenty.p50Ms / one.p50Ms,
      };
    } finally {
      await application.stop();
      await cloud.ask('reset');
    }
  },
};

/** Links in a separate process: `ours` batches the calls, `one by one` makes a call for each. */
export const LINKS = {
  name: '1,000 links at once, API 50 ms',
  contestants: ['ours', 'one by one'],
  measure: async (contestant, _case, { cloud, isSmoke }) => {
    const program = await Program.start('links', { contestant, cloud: cloud.ready });
    try {
      await cloud.ask('reset');
      await program.ask('one', 'warm-up');
      await cloud.ask('reset', { ...LATENCY, objectMs: 0 });
      const singles = [];
      for (let index = 0; index < 5; index += 1) singles.push(await program.ask('one', `${index}`));
      await cloud.ask('reset', { ...LATENCY, objectMs: 0 });
      const count = isSmoke ? 100 : 1_000;
      const all = await program.ask('many', count);
      const { linkCalls } = await cloud.ask('counts');
      const again = await program.ask('many', count);
      const { linkCalls: linkCallsThen } = await cloud.ask('counts');
      const oneMs = median(singles);
      return {
        'one link ms': oneMs,
        'all links ms': all,
        'times one': all / oneMs,
        'API calls': linkCalls,
        'again ms': again,
        'API calls again': linkCallsThen - linkCalls,
      };
    } finally {
      await program.stop();
      await cloud.ask('reset');
    }
  },
};
