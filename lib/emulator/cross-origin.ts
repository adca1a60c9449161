import { cosHeaders, emptyAnswer, type Answer } from './answer.js';
import { isAllowedOrigin } from './callers.js';
import type { EmulatedCloud } from './emulated-cloud.js';
import type { Exchange } from './exchange.js';
import { CosRefusal } from './refusals.js';

/** Who asks, and whom the cloud lets in. */
interface CrossOriginCall {
  /** The request. */
  readonly exchange: Exchange;
  /** Where it goes. */
  readonly cloud: EmulatedCloud;
}

const METHODS = 'GET, HEAD, POST';
const EXPOSED = 'Content-Length, Content-Range, ETag, x-cos-request-id';

/**
 * A browser's question whether a page may send a request to the object storage.
 * @see https://cloud.tencent.com/document/product/436/8288
 */
export async function answerPreflight({ exchange, cloud }: CrossOriginCall): Promise<Answer> {
  await exchange.drain();
  const headers = headersFor(exchange, cloud);
  if (headers === undefined) {
    throw new CosRefusal(
      'AccessForbidden',
      "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
    );
  }
  const wanted = exchange.header('access-control-request-headers');
  return emptyAnswer(200, {
    ...cosHeaders(),
    ...headers,
    'Access-Control-Allow-Methods': METHODS,
    ...(wanted === undefined ? {} : { 'Access-Control-Allow-Headers': wanted }),
    'Access-Control-Max-Age': '600',
  });
}

/** Lets the page that sent a request read its answer, if it is one of those that may. */
export function allowOrigin(exchange: Exchange, cloud: EmulatedCloud, answer: Answer): Answer {
  const headers = headersFor(exchange, cloud);
  return headers === undefined ? answer : { ...answer, headers: { ...answer.headers, ...headers } };
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
