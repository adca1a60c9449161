import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Cloud } from './cloud/cloud.js';

type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** Restricts the page to its own files, images from the cloud, and requests to both. */
export function securityHeaders({
  imageSources,
  uploadTargets,
}: Pick<Cloud, 'imageSources' | 'uploadTargets'>): Middleware {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `connect-src ${["'self'", ...uploadTargets].join(' ')}`,
    `img-src ${["'self'", 'blob:', ...imageSources].join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return (_request, response, next) => {
    response.setHeader('Content-Security-Policy', policy);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'no-referrer');
    // Responses may be stored, but must be revalidated. Files with a version override this.
    response.setHeader('Cache-Control', 'no-cache');
    next();
  };
}
