import { Program } from '../support/processes.mjs';

const MB = 1_000_000;
/** The ways of this package, and the usual tutorial. */
const CONTESTANTS = ['ours', 'ours-cos', 'ours-kept', 'ours-declared', 'memory'];

/** A client and a storage of the same limited speed: the legs take their sum, or the slower one. */
export const BOTH_LEGS = {
  name: '40 MB, client at 20 MB/s, COS at 20 MB/s',
  bytes: 40 * MB,
  clientBytesPerSecond: 20 * MB,
  latency: { objectBytesPerSecond: 20 * MB },
  contestants: CONTESTANTS,
  measure: async (contestant, one, tools) => {
    const ms = await measureMs(contestant, one, tools);
    const legMs = (one.bytes / one.clientBytesPerSecond) * 1_000;
    return { ms, 'times one leg': ms / legMs };
  },
};

/** The time that the client waits after its last byte. */
export const BEHIND_CLIENT = {
  name: '5 MB, client at 10 MB/s, API 150 ms, COS 50 ms',
  bytes: 5 * MB,
  clientBytesPerSecond: 10 * MB,
  latency: { apiMs: 150, objectMs: 50 },
  contestants: CONTESTANTS,
  measure: async (contestant, one, tools) => {
    const ms = await measureMs(contestant, one, tools);
    const clientMs = (one.bytes / one.clientBytesPerSecond) * 1_000;
    return { ms, 'ms behind the client': ms - clientMs };
  },
};

async function measureMs(contestant, one, { cloud, load, isSmoke }) {
  const application = await Program.start('application', { contestant, cloud: cloud.ready });
  const run = { url: application.ready, bytes: one.bytes, parallel: 1 };
  try {
    await cloud.ask('reset');
    await load.ask('run', { ...run, count: isSmoke ? 1 : 3 });
    await cloud.ask('reset', one.latency);
    const count = isSmoke ? 1 : 5;
    const paced = { ...run, count, bytesPerSecond: one.clientBytesPerSecond };
    const { p50Ms } = await load.ask('run', paced);
    const { objects } = await cloud.ask('counts');
    if (objects < count) throw new Error(`${contestant}: ${objects} objects arrived, not ${count}`);
    return p50Ms;
  } finally {
    await application.stop();
    await cloud.ask('reset');
  }
}
