import type { IncomingMessage, ServerResponse } from 'node:http';

type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** The host name in a `Host` header, without its port. */
const HOST_HEADER = /^(?<name>\[[^\]]*\]|[^:]*)(?::\d{1,5})?$/;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * Refuses requests that other web sites send through the visitor's browser, for all URLs including
 * the files of the page. A form post needs no permission to reach 127.0.0.1. A site that points its
 * own name to 127.0.0.1 (DNS rebinding) has the same origin as the lab, but its name is still in
 * `Host`. Mini programs, tests and command lines send neither `Origin` nor `Sec-Fetch-Site`, and
 * are accepted.
 */
export function refuseStrangers(allowedHosts: readonly string[]): Middleware {
  return (request, response, next) => {
    const problem = findProblem(request, allowedHosts);
    if (problem === undefined) next();
    else refuse(response, problem);
  };
}

function findProblem(
  { headers, url = '/' }: IncomingMessage,
  allowedHosts: readonly string[],
): string | undefined {
  const host = (headers.host ?? '').toLowerCase();
  const name = HOST_HEADER.exec(host)?.groups?.['name'] ?? '';
  if (!LOOPBACK.test(name) && !allowedHosts.includes(name)) {
    return 'The lab was called under a name that is not its own. Open it as localhost, or name the host in ALLOWED_HOSTS.';
  }
  const { origin } = headers;
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    return 'Requests from other web sites are refused.';
  }
  // Other web sites may link to the page, but not to the API.
  const site = headers['sec-fetch-site'] ?? 'none';
  const isOwn = site === 'same-origin' || site === 'none';
  return isOwn || !/^\/+api(?:\/|$)/i.test(url)
    ? undefined
    : 'Requests from other web sites are refused.';
}

function refuse(response: ServerResponse, message: string): void {
  response.writeHead(403, {
    'Content-Type': 'application/json; charset=utf-8',
    Connection: 'close',
  });
  response.end(JSON.stringify({ statusCode: 403, message, error: 'Forbidden' }));
}
