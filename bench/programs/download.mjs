// Downloads into a local file: through the service, or undici piped to a file.
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Agent, request } from 'undici';
import { answerQuestions, readParameters } from '../support/processes.mjs';
import { usageAnswers } from '../support/usage.mjs';
import { openStorage } from './storage.mjs';

const { contestant, cloud } = readParameters();
const folder = mkdtempSync(join(tmpdir(), 'wx-cloud-bench-'));
const localPath = join(folder, 'download');
const { storage, close } = await openStorage(cloud);
const dispatcher = new Agent();

const WAYS = {
  ours: bytes => storage.downloadToFile(`cloud://bench.bench-1300000000/${bytes}-bytes`, localPath),
  undici: async bytes => {
    const { body } = await request(`${cloud}/object/${bytes}-bytes`, { dispatcher });
    await pipeline(body, createWriteStream(localPath));
  },
};

answerQuestions(
  'ready',
  {
    ...usageAnswers,
    download: async bytes => {
      const startMs = performance.now();
      await WAYS[contestant](bytes);
      const seconds = (performance.now() - startMs) / 1_000;
      if (statSync(localPath).size !== bytes) throw new Error(`${contestant}: bytes are missing`);
      return seconds;
    },
  },
  async () => {
    await close();
    rmSync(folder, { recursive: true });
  },
);
