// The load generator: sends forms as clients do, with fetch and FormData, and measures how long each takes.
import { randomBytes } from 'node:crypto';
import { answerQuestions } from '../support/processes.mjs';

const BLOCK = randomBytes(1024 * 1024);

/** A file of random bytes, or of one byte value, which takes no more memory than one block. */
function makeFile({ bytes, fill }) {
  const block = fill === undefined ? BLOCK : Buffer.alloc(BLOCK.byteLength, fill);
  const blocks = Array.from({ length: Math.floor(bytes / block.byteLength) }, () => block);
  return new Blob([...blocks, block.subarray(0, bytes % block.byteLength)]);
}

async function sendOnce(url, file, files) {
  const startMs = performance.now();
  const body = new FormData();
  for (let index = 0; index < files; index += 1) body.append('file', file, `bench-${index}.bin`);
  const sizes = Array.from({ length: files }, () => file.size).join(',');
  const answer = await fetch(`${url}/upload`, {
    method: 'POST',
    headers: { 'x-file-size': sizes },
    body,
  });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`the application answered ${answer.status}: ${text}`);
  const { size } = JSON.parse(text);
  if (size !== file.size * files)
    throw new Error(`${size} bytes arrived, not ${file.size * files}`);
  return performance.now() - startMs;
}

answerQuestions('ready', {
  /** Sends `count` forms, `parallel` at a time. */
  run: async ({ url, bytes, files = 1, count, parallel, fill }) => {
    const file = makeFile({ bytes, fill });
    const times = [];
    let left = count;
    const startMs = performance.now();
    const work = async () => {
      while (left-- > 0) times.push(await sendOnce(url, file, files));
    };
    await Promise.all(Array.from({ length: parallel }, work));
    const seconds = (performance.now() - startMs) / 1_000;
    times.sort((a, b) => a - b);
    const at = share => times[Math.min(times.length - 1, Math.floor(times.length * share))];
    return { seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
  },
});
