import compression from 'compression';
import type { RequestHandler } from 'express';

/** Shorter responses are not worth it. */
const SHORTEST_BYTES = 256;

/**
 * Compresses what is read: the files of the page, and JSON that is long. Answers to requests that
 * store or remove something are short, and are left as they are: when they have been sent decides
 * about files, and a compressed answer is sent later than its handler has given it.
 */
export function compress(): RequestHandler {
  const compressed = compression({
    threshold: SHORTEST_BYTES,
    filter: (request, response) =>
      // Events are to arrive one by one.
      !isEventStream(response.getHeader('Content-Type')) && compression.filter(request, response),
  });
  return (request, response, next) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (isRead) compressed(request, response, next);
    else next();
  };
}

function isEventStream(contentType: unknown): boolean {
  return String(contentType).startsWith('text/event-stream');
}
