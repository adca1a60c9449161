import type { IncomingMessage } from 'node:http';

/**
 * As much of a refused request is read, so that its connection can go on and clients that send
 * before they read get an answer.
 */
export const MAX_DISCARDED_BYTES = 16_777_216;
/** The time that this may take. */
export const MAX_DISCARDING_MS = 5_000;

/** The Node request of HTTP/1.1, or what stands for one in HTTP/2 and in bridges. */
export type RefusedRequest = Pick<
  IncomingMessage,
  | 'complete'
  | 'destroyed'
  | 'readableEnded'
  | 'httpVersionMajor'
  | 'headers'
  | 'listenerCount'
  | 'on'
  | 'off'
  | 'once'
  | 'pause'
  | 'read'
  | 'resume'
>;

/** The operations of an instance, which end when the application closes. */
export interface FormOperations {
  /** Starts one that runs until it is disposed of. */
  start(
    operation: string,
    options: { readonly timeoutMs: number },
  ): { readonly signal: AbortSignal; dispose(): void };
}

const knownDiscarding = new WeakMap<RefusedRequest, Promise<void>>();

/**
 * Reads on after a refusal and discards what comes, within limits: 16 MiB, and 5 seconds. Resolves
 * when the request has ended or a limit is reached, and at once when it cannot end within them,
 * over HTTP/2, where an answer needs no read request, and when the application closes.
 * `receivedBytes` says how much of the body has come already. Can be called again.
 */
export function discardRest(
  request: RefusedRequest,
  operations: FormOperations,
  receivedBytes = 0,
): Promise<void> {
  const known = knownDiscarding.get(request);
  if (known !== undefined) return known;
  const discarding = discardUpTo(request, operations, receivedBytes);
  knownDiscarding.set(request, discarding);
  return discarding;
}

async function discardUpTo(
  request: RefusedRequest,
  operations: FormOperations,
  receivedBytes: number,
): Promise<void> {
  if (isOver(request) || request.httpVersionMajor !== 1) return;
  // Whoever has such a listener is the only one who can read.
  if (request.listenerCount('readable') > 0) return;
  const announcedBytes = Number(request.headers['content-length'] ?? 0);
  if (announcedBytes - receivedBytes > MAX_DISCARDED_BYTES) return;
  const timeoutMs = MAX_DISCARDING_MS;
  const deadline = operations.start('discarding a refused request', { timeoutMs });
  try {
    await discard(request, deadline.signal);
  } finally {
    deadline.dispose();
  }
}

function discard(request: RefusedRequest, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    let leftBytes = MAX_DISCARDED_BYTES;
    const onData = (bytes: Uint8Array): void => {
      leftBytes -= bytes.byteLength;
      if (leftBytes < 0) end();
    };
    const end = (): void => {
      request.off('data', onData);
      for (const event of ['end', 'close', 'error']) request.off(event, end);
      signal.removeEventListener('abort', end);
      if (!isOver(request)) request.pause();
      resolve();
    };
    if (signal.aborted) return end();
    signal.addEventListener('abort', end);
    for (const event of ['end', 'close', 'error']) request.once(event, end);
    request.on('data', onData);
    request.resume();
  });
}

/**
 * True when nothing more of a request is to come. Bridges give requests that do not say whether
 * they are complete.
 */
export function isOver({ complete, readableEnded, destroyed }: RefusedRequest): boolean {
  return complete === true || readableEnded || destroyed;
}
