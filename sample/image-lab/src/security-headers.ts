import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Cloud } from './cloud/cloud.js';

type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/**
 * Lets the page load nothing but its own files, and images from the cloud; and send to nobody else.
 */
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
    // Responses may be kept, but are asked for anew. Files with a version say otherwise.
    response.setHeader('Cache-Control', 'no-cache');
    next();
  };
}
