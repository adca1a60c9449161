// Requests temporary links: through the service, or with one call each.
import { request } from 'undici';
import { answerQuestions, readParameters } from '../support/processes.mjs';
import { openStorage } from './storage.mjs';

const { contestant, cloud } = readParameters();
const { storage, close } = await openStorage(cloud);
const fileIdOf = name => `cloud://bench.bench-1300000000/${name}`;

async function askByHand(fileId) {
  const { body } = await request(`${cloud}/tcb/batchdownloadfile?access_token=bench`, {
    method: 'POST',
    body: JSON.stringify({ env: 'bench', file_list: [{ fileid: fileId, max_age: 7200 }] }),
  });
  const {
    file_list: [file],
  } = await body.json();
  return file.download_url;
}

const ask = contestant === 'ours' ? fileId => storage.getDownloadUrl(fileId) : askByHand;
const time = async work => {
  const startMs = performance.now();
  const links = await work();
  if (!links.every(link => link.startsWith('http'))) throw new Error('a link is none');
  return performance.now() - startMs;
};

answerQuestions(
  'ready',
  {
    one: name => time(async () => [await ask(fileIdOf(`one-${name}`))]),
    many: count =>
      time(() => Promise.all(Array.from({ length: count }, (_, index) => ask(fileIdOf(index))))),
  },
  close,
);
