import { connect, type Socket } from 'node:net';
import type { HostileForm } from './hostile-form.js';

/** What a form was answered with; no status when the connection ended without an answer. */
export interface FormAnswer {
  readonly status: number | undefined;
  readonly body: string;
}

/** An answer that takes longer does not come. */
const LONGEST_ANSWER_MS = 120_000;

/** Sends a form as it is over a connection of its own, and waits until that is closed. */
export async function sendForm(url: string, form: HostileForm): Promise<FormAnswer> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  const timer = setTimeout(() => socket.destroy(), LONGEST_ANSWER_MS);
  const chunks: Buffer[] = [];
  socket.on('data', chunk => void chunks.push(chunk));
  // A server may close the connection while something is still being sent.
  socket.on('error', () => {});
  const closed = new Promise(resolve => socket.once('close', resolve));
  socket.write(headOf(form, pathname));
  for (const piece of piecesOf(form)) {
    await write(socket, piece);
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

function* piecesOf({ body, splits = [], isChunked }: HostileForm): Generator<Buffer> {
  const ends = [...splits, body.byteLength];
  for (const [index, end] of ends.entries()) {
    const piece = body.subarray(ends[index - 1] ?? 0, end);
    if (isChunked !== true) yield piece;
    else if (piece.byteLength > 0) {
      yield Buffer.concat([
        Buffer.from(`${piece.byteLength.toString(16)}\r\n`),
        piece,
        Buffer.from('\r\n'),
      ]);
    }
  }
  if (isChunked === true) yield Buffer.from('0\r\n\r\n');
}

/** Each write goes out on its own, so that the other side sees it as it was cut. */
function write(socket: Socket, piece: Buffer): Promise<void> {
  socket.setNoDelay(true);
  return new Promise(resolve => void socket.write(piece, () => setImmediate(resolve)));
}
