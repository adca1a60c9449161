// The load generator: sends forms as browsers write them, and measures the time of each. The bytes
// of a form are created once and sent unchanged, to leave the processor to the contestants.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { answerQuestions } from '../support/processes.mjs';

const BOUNDARY = '----WebKitFormBoundary7MA4YWxkTrZu0gWW';
const BLOCK = randomBytes(1024 * 1024);
const LARGEST_FETCH_BYTES = 1024 * 1024;
const PACED_BYTES = 65_536;
const dispatcher = new Agent();

/**
 * The beginning of a JPEG: most uploads are pictures, and their type is detected faster than an
 * unknown one.
 */
const JPEG = [0xff, 0xd8, 0xff, 0xe0, 0, 0x10, 0x4a, 0x46, 0x49, 0x46, 0];

/**
 * Creates a form with `files` files that begin like a JPEG, filled with random bytes or one byte
 * value.
 */
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

/** Yields a form as a client with a slow connection sends it. */
async function* pace(form, bytesPerSecond) {
  const startMs = performance.now();
  for (let at = 0; at < form.byteLength; at += PACED_BYTES) {
    const chunk = form.subarray(at, at + PACED_BYTES);
    const dueMs = ((at + chunk.byteLength) / bytesPerSecond) * 1_000;
    const earlyMs = dueMs - (performance.now() - startMs);
    if (earlyMs >= 1) await delay(earlyMs);
    yield chunk;
  }
}

async function sendOnce(url, form, { bytes, files, bytesPerSecond }) {
  const startMs = performance.now();
  const { status, text } = await send(`${url}/upload`, {
    method: 'POST',
    headers: {
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
      'x-file-size': Array.from({ length: files }, () => bytes).join(','),
      ...(bytesPerSecond && { 'content-length': String(form.byteLength) }),
    },
    form,
    bytesPerSecond,
  });
  if (status !== 201) throw new Error(`the application answered ${status}: ${text}`);
  const { size } = JSON.parse(text);
  if (size !== bytes * files) throw new Error(`${size} bytes arrived, not ${bytes * files}`);
  return performance.now() - startMs;
}

/**
 * Sends a request with `fetch`, as clients do. Larger bodies are sent without it, because it copies
 * a body first.
 */
async function send(url, { form, bytesPerSecond, ...options }) {
  if (bytesPerSecond === undefined && form.byteLength <= LARGEST_FETCH_BYTES) {
    const answer = await fetch(url, { ...options, body: form });
    return { status: answer.status, text: await answer.text() };
  }
  const sent = bytesPerSecond === undefined ? form : pace(form, bytesPerSecond);
  const { statusCode, body } = await request(url, { ...options, body: sent, dispatcher });
  return { status: statusCode, text: await body.text() };
}

answerQuestions('ready', {
  /** Sends `count` forms, `parallel` at a time, each at `bytesPerSecond` if given. */
  run: async ({ url, bytes, files = 1, count, parallel, fill, bytesPerSecond }) => {
    const form = makeForm({ bytes, files, fill });
    const times = [];
    let left = count;
    const startMs = performance.now();
    const work = async () => {
      while (left-- > 0) {
        times.push(await sendOnce(url, form, { bytes, files, bytesPerSecond }));
      }
    };
    await Promise.all(Array.from({ length: parallel }, work));
    const seconds = (performance.now() - startMs) / 1_000;
    times.sort((a, b) => a - b);
    const at = share => times[Math.min(times.length - 1, Math.floor(times.length * share))];
    return { seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
  },
});
