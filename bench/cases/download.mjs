import { Program } from '../support/processes.mjs';

const MIB = 1024 * 1024;

/** Downloads of a large file to a local one. */
export const DOWNLOAD = {
  name: '1 GB download to a file, one stream',
  contestants: ['undici', 'ours'],
  measure: async (contestant, _case, { cloud, isSmoke, execArgv }) => {
    const bytes = isSmoke ? 10_000_000 : 1_000_000_000;
    await cloud.ask('reset');
    const parameters = { contestant, cloud: cloud.ready };
    const program = await Program.start('download', parameters, execArgv);
    try {
      await program.ask('download', 10_000_000);
      const before = await program.ask('resetPeak');
      const seconds = await program.ask('download', bytes);
      const after = await program.ask('usage');
      return {
        'MB/s': bytes / 1e6 / seconds,
        'CPU s/GB': ((after.cpuSeconds - before.cpuSeconds) / bytes) * 1e9,
        'memory over start MiB': (after.peakBytes - before.residentBytes) / MIB,
      };
    } finally {
      await program.stop();
    }
  },
};
