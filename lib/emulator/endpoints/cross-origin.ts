import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { ResolvedEmulatorOptions } from '../state/emulator-options.js';
import { CosRefusal } from '../state/refusals.js';
import { bucketOfHost } from './cos/cos-target.js';
import type { Exchange } from './exchange.js';
import { type EmulatedResponse, cosHeaders, emptyResponse, textResponse } from './responses.js';

type Rules = Pick<ResolvedEmulatorOptions, 'allowedHosts' | 'bucket' | 'corsOrigins'>;

const METHODS = 'GET, HEAD, POST, PUT, DELETE';
const EXPOSED =
  'Content-Length, Content-Range, ETag, x-cos-hash-crc64ecma, x-cos-request-id, x-cos-version-id';
const HOST_HEADER = /^(?<name>\[[^\]]*\]|[^:]*)(?::\d*)?$/;

/**
 * Returns true if the `Host` header names the emulator: a loopback name, a name without a dot, a
 * bucket of the object storage, or an allowed host. A web site can point its own name to
 * 127.0.0.1, and its pages would then have the same origin as the emulator. Public names always
 * contain a dot, and browsers always send a host.
 */
export function isCalledByName(exchange: Exchange, options: Rules): boolean {
  const host = exchange.header('host');
  if (host === undefined) return true;
  const name = HOST_HEADER.exec(host.toLowerCase())?.groups?.['name'];
  if (name === undefined) return false;
  return isLoopbackName(name) || /^[\w-]*$/.test(name) || isAllowed(name, host, options);
}

function isAllowed(name: string, host: string, options: Rules): boolean {
  return options.allowedHosts.includes(name) || bucketOfHost(host, options) !== undefined;
}

/** Returns true if pages of this web site may use the emulator. */
export function isAllowedOrigin(origin: string, { corsOrigins }: Rules): boolean {
  if (corsOrigins !== undefined) return corsOrigins.includes(origin);
  return URL.canParse(origin) && isLoopbackName(new URL(origin).hostname);
}

/** Responds to a request whose `Host` header does not name the emulator. */
export async function refuseHost(exchange: Exchange): Promise<EmulatedResponse> {
  await exchange.drain();
  return refuse(
    'The emulator was called by an unknown host name. Use 127.0.0.1 or localhost, or add the host to the option allowedHosts.',
  );
}

/** Responds to a page of another web site that calls the API, which is only for servers. */
export async function refuseOrigin(exchange: Exchange): Promise<EmulatedResponse> {
  await exchange.drain();
  return refuse(
    'The emulator was called by a page of another web site. Call its API from a server, or add the site to the option corsOrigins.',
  );
}

function refuse(reason: string): EmulatedResponse {
  return textResponse(403, 'text/plain; charset=utf-8', `${reason}\n`);
}

/** Includes all names below `localhost`: browsers resolve them without DNS. */
function isLoopbackName(name: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(name);
}

/**
 * Responds to a CORS preflight request for the object storage.
 * @throws {@link CosRefusal} AccessForbidden
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

/** Adds the headers that let a page read the response, if the page's origin is allowed. */
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
