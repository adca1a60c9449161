import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { IncomingMessage } from 'node:http';
import { afterThisTest } from './after-test.js';

/** The event with which Node tells of every request to a server of this process. */
const REQUEST_START = 'http.server.request.start';

/** An upload that its server stopped reading. */
interface StalledUpload {
  /** Reads on and drops the bytes, so that the server notices the end of the connection. */
  readOn(): void;
  /** True once the connection is closed. */
  isClosed(): boolean;
}

/**
 * Makes the server with this address stop reading uploads after some bytes, until the test has
 * ended. Returns those that have come to a stop.
 */
export function stallUploads(url: string, afterBytes: number): readonly StalledUpload[] {
  const stalled: StalledUpload[] = [];
  const { port } = new URL(url);
  const onStart = (message: unknown): void => {
    const { request } = message as { readonly request: IncomingMessage };
    const length = Number(request.headers['content-length'] ?? 0);
    if (request.socket.localPort !== Number(port) || length < afterBytes) return;
    let arrivedBytes = 0;
    const push = request.push.bind(request);
    request.push = (chunk: Buffer | null) => {
      const before = arrivedBytes;
      arrivedBytes += chunk?.byteLength ?? 0;
      if (arrivedBytes < afterBytes) return push(chunk);
      if (before < afterBytes) stalled.push(stall(request));
      return false;
    };
  };
  subscribe(REQUEST_START, onStart);
  afterThisTest(() => unsubscribe(REQUEST_START, onStart));
  return stalled;
}

/** From now on the connection is not read when its reader asks for more. */
function stall(request: IncomingMessage): StalledUpload {
  Object.assign(request, { _read: () => {} });
  const { socket } = request;
  const readOn = Reflect.get(IncomingMessage.prototype, '_read') as (size: number) => void;
  return {
    readOn: () => {
      request.push = () => true;
      readOn.call(request, 0);
    },
    isClosed: () => socket.destroyed,
  };
}
