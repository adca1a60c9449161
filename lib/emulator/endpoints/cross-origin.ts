import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { ResolvedEmulatorOptions } from '../state/emulator-options.js';
import { CosRefusal } from '../state/refusals.js';
import type { Exchange } from './exchange.js';
import { type EmulatedResponse, cosHeaders, emptyResponse, textResponse } from './responses.js';

type Rules = Pick<ResolvedEmulatorOptions, 'allowedHosts' | 'corsOrigins'>;

const METHODS = 'GET, HEAD, POST';
const EXPOSED = 'Content-Length, Content-Range, ETag, x-cos-request-id';
const HOST_HEADER = /^(?<name>\[[^\]]*\]|[^:]*)(?::\d*)?$/;

/**
 * True when a request was sent to a name that only this machine or its network can have given to
 * the emulator. A web site can make its own name lead to 127.0.0.1, and its pages would then count
 * as the emulator's own; but no public name goes without a dot, and no browser sends no name at
 * all.
 */
export function isCalledByName(exchange: Exchange, { allowedHosts }: Rules): boolean {
  const host = exchange.header('host');
  if (host === undefined) return true;
  const name = HOST_HEADER.exec(host.toLowerCase())?.groups?.['name'];
  if (name === undefined) return false;
  return isLoopbackName(name) || /^[\w-]*$/.test(name) || allowedHosts.includes(name);
}

/** True when a page of this web site may use the emulator. */
export function isAllowedOrigin(origin: string, { corsOrigins }: Rules): boolean {
  if (corsOrigins !== undefined) return corsOrigins.includes(origin);
  return URL.canParse(origin) && isLoopbackName(new URL(origin).hostname);
}

/** The answer to a request under a name that is not the emulator's. */
export async function refuseHost(exchange: Exchange): Promise<EmulatedResponse> {
  await exchange.drain();
  return refuse(
    'The emulator was called under a name that is not its own. Call it by 127.0.0.1 or localhost, or name the host in its option allowedHosts.',
  );
}

/**
 * The answer to a page of another web site that calls the API, which WeChat offers to servers
 * alone.
 */
export async function refuseOrigin(exchange: Exchange): Promise<EmulatedResponse> {
  await exchange.drain();
  return refuse(
    'The emulator was called by a page of another web site. Call its API from a server, or name the site in its option corsOrigins.',
  );
}

function refuse(reason: string): EmulatedResponse {
  return textResponse(403, 'text/plain; charset=utf-8', `${reason}\n`);
}

/** Browsers look up no name below `localhost`. */
function isLoopbackName(name: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(name);
}

/**
 * A browser's question whether a page may send a request to the object storage.
 * @see https://cloud.tencent.com/document/product/436/8288
 */
export async function respondToPreflight(
  exchange: Exchange,
  cloud: EmulatedCloud,
): Promise<EmulatedResponse> {
  await exchange.drain();
  const headers = headersFor(exchange, cloud);
  if (headers === undefined) {
    throw new CosRefusal(
      'AccessForbidden',
      "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
    );
  }
  const wanted = exchange.header('access-control-request-headers');
  return emptyResponse(200, {
    ...cosHeaders(),
    ...headers,
    'Access-Control-Allow-Methods': METHODS,
    ...(wanted === undefined ? {} : { 'Access-Control-Allow-Headers': wanted }),
    'Access-Control-Max-Age': '600',
  });
}

/** Lets the page that sent a request read its answer, if it is one of those that may. */
export function allowOrigin(
  exchange: Exchange,
  cloud: EmulatedCloud,
  response: EmulatedResponse,
): EmulatedResponse {
  const headers = headersFor(exchange, cloud);
  return headers === undefined
    ? response
    : { ...response, headers: { ...response.headers, ...headers } };
}

function headersFor(
  { origin }: Exchange,
  { options }: EmulatedCloud,
): Readonly<Record<string, string>> | undefined {
  if (origin === undefined) return undefined;
  if (!isAllowedOrigin(origin, options)) return undefined;
  return {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Expose-Headers': EXPOSED,
    Vary: 'Origin',
  };
}
