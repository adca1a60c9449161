import { request, type IncomingHttpHeaders } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect } from 'node:net';
import { once } from 'node:events';

/** A response. */
export interface RawResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** A request. */
export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  readonly signal?: AbortSignal;
  /** A trusted certificate for an https address. */
  readonly ca?: string;
}

/** Sends a request on a new connection; rejects when that breaks before the response ends. */
export function send(url: string, init: RawRequest = {}): Promise<RawResponse> {
  const { method = 'GET', headers = {}, body = '', signal, ca } = init;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const fail = (error: Error): void =>
      reject(Object.assign(error, { receivedBytes: Buffer.concat(chunks).byteLength }));
    const options = { method, headers, agent: false, ca, ...(signal && { signal }) };
    const sendWith = url.startsWith('https:') ? requestTls : request;
    const outgoing = sendWith(url, options, incoming => {
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.once('error', fail);
      incoming.once('end', () => {
        const whole = Buffer.concat(chunks);
        const { statusCode: status = 0, headers: answered } = incoming;
        resolve({ status, headers: answered, body: whole, text: whole.toString() });
      });
    });
    outgoing.once('error', fail);
    outgoing.end(body);
  });
}

/** Returns `answered`, or the code of the error. Never rejects, so it can be awaited later. */
export function outcomeOf(sent: Promise<unknown>): Promise<unknown> {
  return sent.then(
    () => 'answered',
    (error: NodeJS.ErrnoException) => error.code,
  );
}

/** Sends JSON and reads the JSON response. */
export async function sendJson(url: string, value: unknown): Promise<Record<string, unknown>> {
  const response = await send(url, { method: 'POST', body: JSON.stringify(value) });
  return JSON.parse(response.text) as Record<string, unknown>;
}

/** Writes bytes to a connection, ends its sending half, and reads the response. */
export async function sendBytes(url: string, bytes: Buffer | string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.end(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

/** The `<Code>` and `<Message>` of an error document. */
export function readCosError({ text }: RawResponse): {
  code: string | undefined;
  message: string | undefined;
} {
  const read = (name: string): string | undefined =>
    new RegExp(`<${name}>(.*)</${name}>`).exec(text)?.[1];
  return { code: read('Code'), message: read('Message') };
}
