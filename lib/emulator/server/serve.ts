import { allowOrigin } from '../endpoints/cross-origin.js';
import type { Exchange } from '../endpoints/exchange.js';
import {
  type EmulatedResponse,
  apiErrorResponse,
  cosErrorResponse,
  emptyResponse,
  textResponse,
} from '../endpoints/responses.js';
import { describeBucket } from '../endpoints/cos/bucket-headers.js';
import { passSidecar } from '../endpoints/sidecar.js';
import { decodePath, isCloudPath } from '../state/cloud-paths.js';
import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { WxCloudEmulatorFaultEffect } from '../state/fault-effects.js';
import { OBJECT_OPERATIONS } from '../state/operation.js';
import { ApiRefusal, CosRefusal } from '../state/refusals.js';
import { findRoute, type EmulatedRoute } from './routes.js';

/** A request on its way through the emulator. */
interface EmulatedRequest {
  readonly exchange: Exchange;
  readonly cloud: EmulatedCloud;
  readonly route: EmulatedRoute;
  readonly effect: WxCloudEmulatorFaultEffect | undefined;
  /** Adds the request to the journal. Only the first call has an effect. */
  readonly record: (response: EmulatedResponse | undefined, isComplete: boolean) => void;
}

/** An MD5 that no stored object has. */
const WRONG_ETAG = '"0123456789abcdef0123456789abcdef"';

/** The limit up to which the body of a request that stores no object is read. */
const MAX_API_BODY_BYTES = 16_777_216;

const HTML = 'text/html; charset=utf-8';
const PAGE =
  '<!DOCTYPE html><html><head><title>Gateway</title></head><body>Try again later.</body></html>\n';

/**
 * Returns the response that a fault puts in place of the operation; undefined if the operation is
 * carried out.
 */
function replacementFor(
  effect: WxCloudEmulatorFaultEffect | undefined,
  operation: EmulatedRoute['operation'],
  resource: string,
): EmulatedResponse | undefined {
  if (effect?.kind === 'errcode') {
    return apiErrorResponse(effect.errcode, effect.errmsg ?? 'injected fault');
  }
  if (effect?.kind === 'cos-error') {
    const { cosCode, status, message = cosCode } = effect;
    return cosErrorResponse({ cosCode, status, message, resource });
  }
  if (effect?.kind === 'status') {
    const { status, body = '' } = effect;
    return body === ''
      ? emptyResponse(status)
      : textResponse(status, 'text/plain; charset=utf-8', body);
  }
  if (effect?.kind === 'empty') return emptyResponse(effect.status ?? 500);
  if (effect?.kind !== 'malformed-json') return undefined;
  return isObjectOperation(operation)
    ? textResponse(200, HTML, PAGE)
    : textResponse(200, 'application/json; encoding=utf-8', '{"errcode":0,"errmsg":');
}

/** Processes one request. Resolves when the request has ended; never rejects. */
export async function serve(exchange: Exchange, cloud: EmulatedCloud): Promise<void> {
  const route = findRoute(exchange, cloud);
  if (!isObjectOperation(route.operation)) exchange.limitBody(MAX_API_BODY_BYTES);
  const { cloudPath } = route;
  if (cloudPath !== undefined && isCloudPath(cloudPath)) {
    exchange.cloudPaths = Object.freeze([cloudPath]);
  }
  const effect = cloud.faults.take(route.operation);
  const record = createRecorder(exchange, cloud, route, effect);
  const routed = { exchange, cloud, route, effect, record };
  let response: EmulatedResponse | undefined;
  try {
    response = await prepare(routed);
    if (response !== undefined) await deliver(routed, complete(routed, response));
  } catch {
    // Only a closed connection leads here, so there is no client to respond to.
    exchange.abort();
  } finally {
    record(response, false);
    await response?.release?.();
  }
}

/** Reads and processes the request; returns undefined if there is no response to send. */
async function prepare(routed: EmulatedRequest): Promise<EmulatedResponse | undefined> {
  const { exchange, route, effect } = routed;
  if (effect?.kind === 'hang' && effect.at === 'request') {
    await exchange.drain();
    await exchange.hang();
    return undefined;
  }
  if (effect?.kind === 'reset' && effect.at === 'request') {
    await exchange.readBytes(effect.afterBytes ?? 0);
    routed.record(undefined, false);
    exchange.reset();
    return undefined;
  }
  const replacement = replacementFor(effect, route.operation, resourceOf(exchange));
  if (replacement === undefined) return carryOut(routed);
  await exchange.drain();
  return replacement;
}

async function carryOut({
  exchange,
  cloud,
  route,
  effect,
}: EmulatedRequest): Promise<EmulatedResponse> {
  try {
    return await route.handle(exchange, cloud, effect);
  } catch (error) {
    const response = toErrorResponse(error, exchange);
    await exchange.drain();
    return response;
  }
}

/** Completes a response with the headers of the sidecar and of CORS. */
function complete(
  { exchange, cloud, route, effect }: EmulatedRequest,
  response: EmulatedResponse,
): EmulatedResponse {
  const { ETag } = response.headers;
  const isDamaged = effect?.kind === 'wrong-etag' && ETag !== undefined;
  const headers = isDamaged ? { ...response.headers, ETag: WRONG_ETAG } : response.headers;
  const passed = passSidecar(exchange, { ...response, headers });
  if (!isObjectOperation(route.operation)) return passed;
  return allowOrigin(exchange, cloud, describeBucket(cloud, passed));
}

function isObjectOperation(operation: EmulatedRoute['operation']): boolean {
  return OBJECT_OPERATIONS.some(candidate => candidate === operation);
}

function toErrorResponse(error: unknown, exchange: Exchange): EmulatedResponse {
  if (error instanceof ApiRefusal) return apiErrorResponse(error.errcode, error.message);
  if (error instanceof CosRefusal) {
    const { cosCode, message, headers } = error;
    return cosErrorResponse({ cosCode, message, headers, resource: resourceOf(exchange) });
  }
  const reason = error instanceof Error ? error.message : String(error);
  return textResponse(500, 'text/plain; charset=utf-8', `The emulator failed: ${reason}\n`);
}

async function deliver(
  { exchange, cloud, effect, record }: EmulatedRequest,
  response: EmulatedResponse,
): Promise<void> {
  if (effect?.kind === 'hang') return exchange.hang();
  const isDelayed = effect?.kind === 'delay' && response.isEarly !== true;
  await exchange.pause(cloud.options.latencyMs + (isDelayed ? effect.delayMs : 0));
  exchange.signal.throwIfAborted();
  if (effect?.kind === 'trickle') {
    const { bytesPerSecond } = effect;
    return exchange.send(exchange.slowDown(response, bytesPerSecond), () => record(response, true));
  }
  if (effect?.kind !== 'reset') return exchange.send(response, () => record(response, true));
  const { afterBytes = 0 } = effect;
  if (afterBytes > 0) await exchange.sendFirst(response, afterBytes);
  record(response, false);
  exchange.reset();
}

function createRecorder(
  exchange: Exchange,
  cloud: EmulatedCloud,
  route: EmulatedRoute,
  effect: WxCloudEmulatorFaultEffect | undefined,
): EmulatedRequest['record'] {
  const startMs = cloud.clock.now();
  let isRecorded = false;
  return (response, isComplete) => {
    if (isRecorded) return;
    isRecorded = true;
    // A complete response has sent its head, at the latest together with its end.
    const sent = isComplete || exchange.hasResponded ? response : undefined;
    cloud.journal.add({
      operation: route.operation,
      method: exchange.method,
      path: exchange.path,
      ...(exchange.cloudPaths.length === 0 ? {} : { cloudPaths: exchange.cloudPaths }),
      ...(exchange.via === undefined ? {} : { via: exchange.via }),
      ...(exchange.origin === undefined ? {} : { origin: exchange.origin }),
      ...(exchange.isFromBrowser ? { fromBrowser: true as const } : {}),
      status: sent?.status ?? 0,
      ...(sent?.errcode === undefined ? {} : { errcode: sent.errcode }),
      ...(sent?.cosCode === undefined ? {} : { cosCode: sent.cosCode }),
      requestBytes: exchange.requestBytes,
      responseBytes: exchange.responseBytes,
      durationMs: Math.round(cloud.clock.now() - startMs),
      ...(effect === undefined ? {} : { fault: effect.kind }),
      ...(isComplete ? {} : { aborted: true as const }),
    });
  };
}

function resourceOf({ path }: Exchange): string {
  return decodePath(path) ?? path;
}
