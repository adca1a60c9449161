import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { request as undiciRequest } from 'undici';

/** The response to an endless client, and the bytes it sent until the connection was closed. */
interface EndlessResponse {
  readonly status: number;
  readonly text: string;
  readonly sentBytes: number;
}

/** The form of an endless client: its beginning, then the same chunk again and again. */
interface EndlessForm {
  readonly url: string;
  readonly contentType: string;
  readonly beginning: Buffer;
  /** Its Content-Length; undefined for a chunked body. */
  readonly contentLength: number | undefined;
}

/** Sends the form endlessly until the connection ends. */
export type EndlessClient = (form: EndlessForm) => Promise<EndlessResponse>;

const CHUNK = Buffer.alloc(65_536, 'x');

function headersOf({ contentType, contentLength }: EndlessForm): Record<string, string> {
  return {
    'content-type': contentType,
    ...(contentLength === undefined
      ? { 'transfer-encoding': 'chunked' }
      : { 'content-length': String(contentLength) }),
  };
}

function asChunk(bytes: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`${bytes.byteLength.toString(16)}\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ]);
}

/** A socket that never stops writing, even after the other side has ended. */
const onRawSocket: EndlessClient = form => {
  const { hostname, port, pathname, host } = new URL(form.url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  const lines = Object.entries({ host, ...headersOf(form) }).map(([k, v]) => `${k}: ${v}\r\n`);
  const shape = form.contentLength === undefined ? asChunk : (bytes: Buffer) => bytes;
  const chunk = shape(CHUNK);
  let text = '';
  socket.setEncoding('utf8').on('data', (data: string) => (text += data));
  socket.on('error', () => {});
  socket.write(`POST ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n`);
  socket.write(shape(form.beginning));
  const write = (): void => {
    if (!socket.destroyed) socket.write(chunk, () => setImmediate(write));
  };
  write();
  return new Promise(resolve => {
    socket.once('close', () => {
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
      resolve({ status, text, sentBytes: socket.bytesWritten });
    });
  });
};

const onNodeClient: EndlessClient = async form => {
  const request = httpRequest(form.url, { method: 'POST', headers: headersOf(form), agent: false });
  const write = (): void => {
    if (!request.destroyed) request.write(CHUNK, () => setImmediate(write));
  };
  request.write(form.beginning, write);
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  request.on('error', () => {});
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  const { socket } = response;
  if (!socket.destroyed) await once(socket, 'close');
  return { status: response.statusCode ?? 0, text, sentBytes: socket.bytesWritten };
};

const onUndici: EndlessClient = async form => {
  let sentBytes = 0;
  async function* body(): AsyncGenerator<Buffer> {
    yield form.beginning;
    for (;;) {
      sentBytes += CHUNK.byteLength;
      yield CHUNK;
    }
  }
  const { 'transfer-encoding': _, ...headers } = headersOf(form);
  const { statusCode, body: answer } = await undiciRequest(form.url, {
    method: 'POST',
    headers,
    body: Readable.from(body()),
  });
  return { status: statusCode, text: await answer.text(), sentBytes };
};

/** Clients that send without end. */
export const ENDLESS_CLIENTS: readonly (readonly [string, EndlessClient])[] = [
  ['a raw socket', onRawSocket],
  ["Node's client", onNodeClient],
  ['undici', onUndici],
];
