import {
  respondToPreflight,
  isAllowedOrigin,
  isCalledByName,
  refuseHost,
  refuseOrigin,
} from '../endpoints/cross-origin.js';
import type { Exchange } from '../endpoints/exchange.js';
import {
  respondToDelete,
  respondWithDownloadLinks,
  respondWithUploadLink,
} from '../endpoints/file-endpoints.js';
import { respondWithObject, respondToPostObject } from '../endpoints/object-endpoints.js';
import { type EmulatedResponse, textResponse } from '../endpoints/responses.js';
import { respondMisconfigured, respondUnlisted } from '../endpoints/sidecar.js';
import { respondWithStableToken, respondWithToken } from '../endpoints/token-endpoints.js';
import { decodePath } from '../state/cloud-paths.js';
import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { WxCloudEmulatorFaultEffect } from '../state/fault-effects.js';
import type { WxCloudEmulatorOperation } from '../state/operation.js';
import { CosRefusal } from '../state/refusals.js';

/** Processes a request. Throws an `ApiRefusal` or `CosRefusal` if the request is refused. */
type RouteHandler = (
  exchange: Exchange,
  cloud: EmulatedCloud,
  effect: WxCloudEmulatorFaultEffect | undefined,
) => Promise<EmulatedResponse>;

/** The operation that a request asks for, and its handler. */
export interface EmulatedRoute {
  /** The operation. */
  readonly operation: WxCloudEmulatorOperation | 'unknown';
  /** The path of the object in this bucket that the URL names; undefined if it names none. */
  readonly cloudPath?: string | undefined;
  /** The handler. */
  readonly handle: RouteHandler;
}

const API_ROUTES: Readonly<Record<string, EmulatedRoute>> = {
  '/cgi-bin/token': { operation: 'token', handle: respondWithToken },
  '/cgi-bin/stable_token': { operation: 'stable-token', handle: respondWithStableToken },
  '/tcb/uploadfile': { operation: 'upload-link', handle: respondWithUploadLink },
  '/tcb/batchdownloadfile': { operation: 'download-links', handle: respondWithDownloadLinks },
  '/tcb/batchdeletefile': { operation: 'delete-files', handle: respondToDelete },
};

const UNLISTED: EmulatedRoute = { operation: 'unknown', handle: respondUnlisted };
const MISNAMED: EmulatedRoute = { operation: 'unknown', handle: refuseHost };
const FROM_ELSEWHERE: EmulatedRoute = { operation: 'unknown', handle: refuseOrigin };

/** Matches `/<bucket>/<path>` and `/download/<bucket>/<path>`. */
const OBJECT_URL = /^(?<download>\/download)?\/(?<bucket>[^/]+)\/(?<path>.+)$/s;

const OBJECT_OPERATIONS: Readonly<Record<string, WxCloudEmulatorOperation>> = {
  'POST upload': 'post-object',
  'GET download': 'get-object',
  'HEAD download': 'head-object',
};

/** Finds the route of a request. */
export function findRoute(exchange: Exchange, { options }: EmulatedCloud): EmulatedRoute {
  const { method, path, via, origin } = exchange;
  if (!isCalledByName(exchange, options)) return MISNAMED;
  const apiRoute = Object.hasOwn(API_ROUTES, path) ? API_ROUTES[path] : undefined;
  const isApi = via === 'sidecar' || apiRoute !== undefined;
  if (isApi && origin !== undefined && !isAllowedOrigin(origin, options)) return FROM_ELSEWHERE;
  if (via === 'sidecar') return toSidecarRoute(path.startsWith('/tcb/') ? apiRoute : undefined);
  if (apiRoute !== undefined) return apiRoute;
  const { download, bucket, path: encoded } = OBJECT_URL.exec(path)?.groups ?? {};
  // A bucket's name ends with the number of its account.
  const isBucket = bucket === options.bucket || /-\d{10}$/.test(bucket ?? '');
  if (encoded === undefined || !isBucket) return { operation: 'unknown', handle: respondNotFound };
  if (method === 'OPTIONS') return { operation: 'unknown', handle: respondToPreflight };
  const operation =
    OBJECT_OPERATIONS[`${method} ${download === undefined ? 'upload' : 'download'}`];
  if (operation === undefined) return { operation: 'unknown', handle: refuseMethod };
  if (bucket !== options.bucket) return { operation, handle: refuseBucket };
  const cloudPath = decodePath(encoded);
  const handle: RouteHandler =
    operation === 'post-object'
      ? (call, cloud) => respondToPostObject(call, cloud, cloudPath)
      : (call, cloud, effect) => respondWithObject(call, cloud, cloudPath, effect);
  return { operation, cloudPath, handle };
}

function toSidecarRoute({ operation, handle }: EmulatedRoute = UNLISTED): EmulatedRoute {
  return {
    operation,
    handle: async (exchange, cloud, effect) =>
      (await respondMisconfigured(exchange, cloud)) ?? (await handle(exchange, cloud, effect)),
  };
}

async function respondNotFound(exchange: Exchange): Promise<EmulatedResponse> {
  await exchange.drain();
  return textResponse(404, 'text/plain; charset=utf-8', 'The emulator has no such URL.\n');
}

async function refuseMethod(): Promise<EmulatedResponse> {
  throw new CosRefusal(
    'MethodNotAllowed',
    'The specified method is not allowed against this resource.',
  );
}

async function refuseBucket(): Promise<EmulatedResponse> {
  throw new CosRefusal('NoSuchBucket', 'The specified bucket does not exist.');
}
