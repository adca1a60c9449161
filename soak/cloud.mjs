// The cloud of the soak, in a separate process: the emulator, with faults from a seeded random
// source. Objects are in memory, so that they exist as soon as they have been received. On a busy
// disk, an object could be stored after the application has timed out and looked for it.
import { createHash } from 'node:crypto';
import { startWxCloudEmulator } from 'nestjs-wx-cloud-storage/emulator';
import { Exchanges } from './cloud/exchanges.mjs';
import { listUnfinishedUploads } from './cloud/unfinished-uploads.mjs';
import { answerQuestions, readParameters } from './support/processes.mjs';
import { Random } from './support/random.mjs';
import { keysOf, WITH_RIGHTS } from './support/ways.mjs';

const { seed } = readParameters();
const emulator = await startWxCloudEmulator({ cos: { keys: WITH_RIGHTS.map(keysOf) } });
const exchanges = new Exchanges(emulator, new Random(seed));
await exchanges.shortenKeepAlive();

/** The interval of reading the journal, which keeps only the latest entries. */
const JOURNAL_READ_MS = 250;
const tookEffect = {};
let lastEntry;
const readJournal = () => {
  const entries = emulator.journal;
  for (const { fault } of entries.slice(entries.lastIndexOf(lastEntry) + 1)) {
    if (fault !== undefined) tookEffect[fault] = (tookEffect[fault] ?? 0) + 1;
  }
  lastEntry = entries.at(-1);
};
const reading = setInterval(readJournal, JOURNAL_READ_MS);

const describe = async ({ cloudPath, fileId, fileIdAlive, contentType }) => {
  const content = await emulator.readObject(cloudPath);
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { fileId, sha256, contentType, isAlive: fileIdAlive };
};

answerQuestions({
  ready: () => {
    const { options, bucket, cosEndpoint, sidecarUrl } = emulator;
    return { options, bucket, cosEndpoint, sidecarUrl };
  },
  setFaultShare: share => {
    if (share === 0) exchanges.calm();
    exchanges.faultShare = share;
    emulator.faults.clear();
  },
  countConnections: () => emulator.openConnections(),
  objects: async () => {
    const objects = [];
    for (const object of emulator.objects) objects.push(await describe(object));
    return objects;
  },
  unfinishedUploads: () => listUnfinishedUploads(emulator),
  evidence: () => {
    readJournal();
    return {
      operations: exchanges.operations,
      injected: exchanges.injected,
      tookEffect,
      expiries: exchanges.expiries,
      changes: exchanges.changes,
      repeats: exchanges.repeats,
      hitFileIds: [...exchanges.hitFileIds],
      askedFileIds: [...exchanges.askedFileIds],
      commonFaultsAtMs: exchanges.commonFaultsAtMs,
      expiriesAtMs: exchanges.expiriesAtMs,
      secrets: [
        emulator.options.secret,
        ...WITH_RIGHTS.map(name => keysOf(name).secretKey),
        ...exchanges.secrets,
      ],
    };
  },
});
process.once('disconnect', async () => {
  clearInterval(reading);
  await emulator.close();
});
