import { connect, type Socket } from 'node:net';
import type { HostileForm } from './hostile-form.js';

/** The response to a form; without a status when the connection ended without one. */
export interface FormResponse {
  readonly status: number | undefined;
  readonly body: string;
}

/** The time after which no response is expected. */
const LONGEST_RESPONSE_MS = 120_000;

/** Sends a form as it is over a connection of its own, and waits until that is closed. */
export async function sendForm(url: string, form: HostileForm): Promise<FormResponse> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  const timer = setTimeout(() => socket.destroy(), LONGEST_RESPONSE_MS);
  const chunks: Buffer[] = [];
  socket.on('data', chunk => void chunks.push(chunk));
  // A server may close the connection while something is still being sent.
  socket.on('error', () => {});
  const closed = new Promise(resolve => socket.once('close', resolve));
  socket.write(headOf(form, pathname));
  for (const chunk of chunksOf(form)) {
    await write(socket, chunk);
  }
  if (form.isAbandoned === true) socket.destroy();
  await closed;
  clearTimeout(timer);
  const text = Buffer.concat(chunks).toString();
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1];
  return {
    status: status === undefined ? undefined : Number(status),
    body: text.slice(text.indexOf('\r\n\r\n') + 4),
  };
}

function headOf({ contentType, body, isChunked, isAbandoned }: HostileForm, path: string): string {
  const announced = body.byteLength + Number(isAbandoned ?? false);
  const length = isChunked === true ? 'transfer-encoding: chunked' : `content-length: ${announced}`;
  return `POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: ${contentType}\r\n${length}\r\n\r\n`;
}

function* chunksOf({ body, splits = [], isChunked }: HostileForm): Generator<Buffer> {
  const ends = [...splits, body.byteLength];
  for (const [index, end] of ends.entries()) {
    const chunk = body.subarray(ends[index - 1] ?? 0, end);
    if (isChunked !== true) yield chunk;
    else if (chunk.byteLength > 0) {
      yield Buffer.concat([
        Buffer.from(`${chunk.byteLength.toString(16)}\r\n`),
        chunk,
        Buffer.from('\r\n'),
      ]);
    }
  }
  if (isChunked === true) yield Buffer.from('0\r\n\r\n');
}

/** Each write goes out on its own, so that the other side sees it as it was cut. */
function write(socket: Socket, chunk: Buffer): Promise<void> {
  socket.setNoDelay(true);
  return new Promise(resolve => void socket.write(chunk, () => setImmediate(resolve)));
}
