import type { IncomingMessage } from 'node:http';
import { OptionsInvalidError } from '../errors/index.js';

/**
 * Makes sure that a form can be read from its first byte: what a middleware has taken of it would
 * be missing, and a file with it. A request that was only paused, or that somebody listens to
 * before anything has come, is whole.
 * @throws {@link OptionsInvalidError} when something has read from the request
 */
export function assertUnread(request: IncomingMessage): void {
  // With a `readable` listener only its owner reads; the others are given no byte.
  const isRead = request.readableDidRead || request.listenerCount('readable') > 0;
  if (isRead || request.readableEnded) throw readAlready();
  assertBytes(request);
}

/**
 * Makes sure that a request gives bytes: as text, the bytes of a file are damaged already.
 * @throws {@link OptionsInvalidError} when it has an encoding
 */
export function assertBytes(request: IncomingMessage): void {
  if (typeof request.readableEncoding === 'string') throw readAlready();
}

/** The client has done nothing wrong, and is told as little; the operator sees it as a 500. */
function readAlready(): OptionsInvalidError {
  return new OptionsInvalidError({
    option: 'form',
    expected: 'read by one upload interceptor; something else has read it before',
    remedy:
      'Use one interceptor on a route, and no other form parser, body logger or setEncoding() on the request before it.',
  });
}
