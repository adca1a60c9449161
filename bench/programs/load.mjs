// The load generator: sends forms as browsers write them, and measures how long each takes. The bytes of a form are made once
// and sent as they are, so that it takes as little as possible of the processor that the contestants need.
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'undici';
import { answerQuestions } from '../support/processes.mjs';

const BOUNDARY = '----WebKitFormBoundary7MA4YWxkTrZu0gWW';
const BLOCK = randomBytes(1024 * 1024);
const LARGEST_FETCH_BYTES = 1024 * 1024;
const dispatcher = new Agent();

/** Uploads are pictures more often than not; the detector finds them sooner than bytes that are of no type. */
const JPEG = [0xff, 0xd8, 0xff, 0xe0, 0, 0x10, 0x4a, 0x46, 0x49, 0x46, 0];

/** A form of `files` files that begin as a picture does, each of random bytes or of one byte value. */
function makeForm({ bytes, files, fill }) {
  const file = Buffer.alloc(bytes, fill ?? BLOCK);
  file.set(JPEG);
  const parts = Array.from({ length: files }, (_, index) => [
    Buffer.from(
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="bench-${index}.bin"\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    ),
    file,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...parts.flat(), Buffer.from(`--${BOUNDARY}--\r\n`)]);
}

async function sendOnce(url, form, { bytes, files }) {
  const startMs = performance.now();
  const { status, text } = await send(`${url}/upload`, {
    method: 'POST',
    headers: {
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
      'x-file-size': Array.from({ length: files }, () => bytes).join(','),
    },
    body: form,
  });
  if (status !== 201) throw new Error(`the application answered ${status}: ${text}`);
  const { size } = JSON.parse(text);
  if (size !== bytes * files) throw new Error(`${size} bytes arrived, not ${bytes * files}`);
  return performance.now() - startMs;
}

/** With `fetch`, as clients do; it copies a body first, so that large ones go without it. */
async function send(url, options) {
  if (options.body.byteLength <= LARGEST_FETCH_BYTES) {
    const answer = await fetch(url, options);
    return { status: answer.status, text: await answer.text() };
  }
  const { statusCode, body } = await request(url, { ...options, dispatcher });
  return { status: statusCode, text: await body.text() };
}

answerQuestions('ready', {
  /** Sends `count` forms, `parallel` at a time. */
  run: async ({ url, bytes, files = 1, count, parallel, fill }) => {
    const form = makeForm({ bytes, files, fill });
    const times = [];
    let left = count;
    const startMs = performance.now();
    const work = async () => {
      while (left-- > 0) times.push(await sendOnce(url, form, { bytes, files }));
    };
    await Promise.all(Array.from({ length: parallel }, work));
    const seconds = (performance.now() - startMs) / 1_000;
    times.sort((a, b) => a - b);
    const at = share => times[Math.min(times.length - 1, Math.floor(times.length * share))];
    return { seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
  },
});
