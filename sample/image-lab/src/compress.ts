import compression from 'compression';
import type { RequestHandler } from 'express';

/** The size from which responses are compressed. */
const SHORTEST_BYTES = 256;

/**
 * Compresses the files of the page and long JSON. Responses to requests that store or delete
 * something are short and stay uncompressed: the end of such a response decides about files, and
 * compression would delay it.
 */
export function compress(): RequestHandler {
  const compressed = compression({
    threshold: SHORTEST_BYTES,
    filter: (request, response) =>
      // Events must be sent one by one.
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
