import { connect, type Socket } from 'node:net';

/** The boundary of these forms. */
const BOUNDARY = 'boundary';

/** One part, as bytes. */
export interface RawPart {
  readonly field: string;
  readonly content: Buffer | string;
  /** Makes it a file. */
  readonly fileName?: string;
}

/** A form as a client sends it, byte for byte. */
export function encodeForm(parts: readonly RawPart[]): Buffer {
  const chunks = parts.flatMap(({ field, content, fileName }) => {
    const name = fileName === undefined ? '' : `; filename="${fileName}"`;
    const head = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${field}"${name}\r\n\r\n`;
    return [Buffer.from(head), Buffer.from(content), Buffer.from('\r\n')];
  });
  return Buffer.concat([...chunks, Buffer.from(`--${BOUNDARY}--\r\n`)]);
}

/** A request over its own socket, sent by the test step by step. */
export interface RawRequest {
  readonly socket: Socket;
  /** Everything received until the connection was closed. */
  readonly response: Promise<string>;
  send(...chunks: readonly (Buffer | string)[]): void;
  /** Cuts the connection. */
  leave(): void;
}

/** The headers of a raw request. */
export interface RawRequestHead {
  readonly path: string;
  /** Bytes of its body. */
  readonly length: number;
  /** @defaultValue close */
  readonly connection?: 'close' | 'keep-alive' | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Opens a connection to an application. */
export function openConnection(url: string): RawRequest {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.setEncoding('utf8').on('data', (data: string) => (text += data));
  // An aborted connection ends like a closed one.
  socket.on('error', () => {});
  return {
    socket,
    response: new Promise(resolve => socket.once('close', () => resolve(text))),
    send: (...chunks) => chunks.forEach(chunk => socket.write(chunk)),
    leave: () => void socket.destroy(),
  };
}

/** The head of a request with a form. */
export function headOf({
  path,
  length,
  connection = 'close',
  headers = {},
}: RawRequestHead): string {
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return (
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: ${connection}\r\n` +
    `content-type: multipart/form-data; boundary=${BOUNDARY}\r\n` +
    `content-length: ${length}\r\n${more.join('')}\r\n`
  );
}

/** Sends the head of a request with a form. */
export function openRequest(url: string, head: RawRequestHead): RawRequest {
  const request = openConnection(url);
  request.send(headOf(head));
  return request;
}
