import {
  respondWithCosKeys,
  respondWithDecodedMetaId,
  respondWithMetaIds,
} from '../endpoints/cos-endpoints.js';
import { findCosRoute } from '../endpoints/cos/cos-routes.js';
import { findCosTarget, isBucketName } from '../endpoints/cos/cos-target.js';
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
import { respondWithObject } from '../endpoints/object-endpoints.js';
import { type EmulatedResponse, emptyResponse, textResponse } from '../endpoints/responses.js';
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

/** The routes of the open API service only. */
const SIDECAR_ROUTES: Readonly<Record<string, EmulatedRoute>> = {
  '/_/cos/getauth': { operation: 'cos-keys', handle: respondWithCosKeys },
  '/_/cos/metaid/encode': { operation: 'encode-metaid', handle: respondWithMetaIds },
  '/_/cos/metaid/decode': { operation: 'decode-metaid', handle: respondWithDecodedMetaId },
};

const UNLISTED: EmulatedRoute = { operation: 'unknown', handle: respondUnlisted };
const MISNAMED: EmulatedRoute = { operation: 'unknown', handle: refuseHost };
const FROM_ELSEWHERE: EmulatedRoute = { operation: 'unknown', handle: refuseOrigin };

/** Matches the path of a download link. */
const DOWNLOAD_URL = /^\/download\/(?<bucket>[^/]+)\/(?<path>.+)$/s;

const DOWNLOADS: Readonly<Record<string, WxCloudEmulatorOperation>> = {
  GET: 'get-object',
  HEAD: 'head-object',
};

/** Finds the route of a request. */
export function findRoute(exchange: Exchange, cloud: EmulatedCloud): EmulatedRoute {
  const { path, via, origin } = exchange;
  const { options } = cloud;
  if (!isCalledByName(exchange, options)) return MISNAMED;
  const isOwnOrigin = origin === undefined || isAllowedOrigin(origin, options);
  if (via === 'sidecar') return isOwnOrigin ? toSidecarRoute(path) : FROM_ELSEWHERE;
  const target = findCosTarget(exchange, options);
  if (target !== undefined) return toObjectRoute(exchange, findCosRoute(exchange, target, cloud));
  const apiRoute = routeOf(path, API_ROUTES);
  if (apiRoute !== undefined) return isOwnOrigin ? apiRoute : FROM_ELSEWHERE;
  return findDownload(exchange, cloud);
}

function findDownload(exchange: Exchange, { options }: EmulatedCloud): EmulatedRoute {
  const { bucket, path: encoded } = DOWNLOAD_URL.exec(exchange.path)?.groups ?? {};
  if (encoded === undefined || !isBucketName(bucket ?? '', options)) {
    return { operation: 'unknown', handle: respondNotFound };
  }
  const operation = DOWNLOADS[exchange.method];
  if (operation === undefined) {
    return toObjectRoute(exchange, { operation: 'unknown', handle: refuseMethod });
  }
  if (bucket !== options.bucket) return { operation, handle: refuseBucket };
  const cloudPath = decodePath(encoded);
  return {
    operation,
    cloudPath,
    handle: (call, cloud, effect) => respondWithObject(call, cloud, cloudPath, effect),
  };
}

/** Returns the route of the object storage, or that of a browser's preflight for it. */
function toObjectRoute({ method }: Exchange, route: EmulatedRoute): EmulatedRoute {
  return method === 'OPTIONS' ? { operation: 'unknown', handle: respondToPreflight } : route;
}

function routeOf(
  path: string,
  routes: Readonly<Record<string, EmulatedRoute>>,
): EmulatedRoute | undefined {
  return Object.hasOwn(routes, path) ? routes[path] : undefined;
}

function toSidecarRoute(path: string): EmulatedRoute {
  const fileRoute = path.startsWith('/tcb/') ? routeOf(path, API_ROUTES) : undefined;
  const { operation, handle } = fileRoute ?? routeOf(path, SIDECAR_ROUTES) ?? UNLISTED;
  return {
    operation,
    handle: async (exchange, cloud, effect) =>
      (await respondMisconfigured(exchange, cloud)) ?? (await handle(exchange, cloud, effect)),
  };
}

async function respondNotFound(exchange: Exchange): Promise<EmulatedResponse> {
  await exchange.drain();
  // The public host does not know the paths of the open API service.
  if (exchange.path.startsWith('/_/')) return emptyResponse(404);
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
