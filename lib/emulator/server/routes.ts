import {
  answerPreflight,
  isAllowedOrigin,
  isCalledByName,
  refuseHost,
  refuseOrigin,
} from '../endpoints/cross-origin.js';
import type { Exchange } from '../endpoints/exchange.js';
import {
  answerDeleteFiles,
  answerDownloadLinks,
  answerUploadLink,
} from '../endpoints/file-endpoints.js';
import { answerGetObject, answerPostObject } from '../endpoints/object-endpoints.js';
import { type Answer, textAnswer } from '../endpoints/responses.js';
import { answerMisconfigured, answerUnlisted } from '../endpoints/sidecar.js';
import { answerStableToken, answerToken } from '../endpoints/token-endpoints.js';
import { decodePath } from '../state/cloud-paths.js';
import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { FaultEffect } from '../state/fault-effects.js';
import type { EmulatorOperation } from '../state/operation.js';
import { CosRefusal } from '../state/refusals.js';

/** A request that is to be carried out. */
interface Call {
  /** The request. */
  readonly exchange: Exchange;
  /** Where it goes. */
  readonly cloud: EmulatedCloud;
  /** The fault that befalls it, if any. */
  readonly effect: FaultEffect | undefined;
}

/** What a request asks for, and what answers it. */
export interface Route {
  /** The operation. */
  readonly operation: EmulatorOperation | 'unknown';
  /** The path of the object of this bucket that the address names; undefined when it names none. */
  readonly cloudPath?: string | undefined;
  /** Carries it out. Throws an `ApiRefusal` or `CosRefusal` instead when it is not allowed. */
  readonly handle: (call: Call) => Promise<Answer>;
}

const API_ROUTES: Readonly<Record<string, Route>> = {
  '/cgi-bin/token': {
    operation: 'token',
    handle: ({ exchange, cloud }) => answerToken(exchange, cloud),
  },
  '/cgi-bin/stable_token': {
    operation: 'stable-token',
    handle: ({ exchange, cloud }) => answerStableToken(exchange, cloud),
  },
  '/tcb/uploadfile': {
    operation: 'upload-link',
    handle: ({ exchange, cloud }) => answerUploadLink(exchange, cloud),
  },
  '/tcb/batchdownloadfile': { operation: 'download-links', handle: answerDownloadLinks },
  '/tcb/batchdeletefile': { operation: 'delete-files', handle: answerDeleteFiles },
};

const UNLISTED: Route = {
  operation: 'unknown',
  handle: ({ exchange }) => answerUnlisted(exchange),
};

const MISNAMED: Route = {
  operation: 'unknown',
  handle: ({ exchange }) => refuseHost(exchange),
};

const FROM_ELSEWHERE: Route = {
  operation: 'unknown',
  handle: ({ exchange }) => refuseOrigin(exchange),
};

/**
 * `/<bucket>/<path>` and `/download/<bucket>/<path>`; a bucket's name ends in an account's number.
 */
const OBJECT_ADDRESS = /^(?<download>\/download)?\/(?<bucket>[^/]+)\/(?<path>.+)$/s;

const OBJECT_OPERATIONS: Readonly<Record<string, EmulatorOperation>> = {
  'POST upload': 'post-object',
  'GET download': 'get-object',
  'HEAD download': 'head-object',
};

/** Finds what a request asks for. */
export function findRoute(exchange: Exchange, { options }: EmulatedCloud): Route {
  const { method, path, via, origin } = exchange;
  if (!isCalledByName(exchange, options)) return MISNAMED;
  const apiRoute = Object.hasOwn(API_ROUTES, path) ? API_ROUTES[path] : undefined;
  const isApi = via === 'sidecar' || apiRoute !== undefined;
  if (isApi && origin !== undefined && !isAllowedOrigin(origin, options)) return FROM_ELSEWHERE;
  if (via === 'sidecar') return toSidecarRoute(path.startsWith('/tcb/') ? apiRoute : undefined);
  if (apiRoute !== undefined) return apiRoute;
  const { download, bucket, path: encoded } = OBJECT_ADDRESS.exec(path)?.groups ?? {};
  const isBucket = bucket === options.bucket || /-\d{10}$/.test(bucket ?? '');
  if (encoded === undefined || !isBucket) return { operation: 'unknown', handle: answerNotFound };
  if (method === 'OPTIONS') return { operation: 'unknown', handle: answerPreflight };
  const operation =
    OBJECT_OPERATIONS[`${method} ${download === undefined ? 'upload' : 'download'}`];
  if (operation === undefined) return { operation: 'unknown', handle: refuseMethod };
  if (bucket !== options.bucket) return { operation, handle: refuseBucket };
  const answer = operation === 'post-object' ? answerPostObject : answerGetObject;
  const cloudPath = decodePath(encoded);
  return { operation, cloudPath, handle: call => answer({ ...call, cloudPath }) };
}

function toSidecarRoute({ operation, handle }: Route = UNLISTED): Route {
  return {
    operation,
    handle: async call =>
      (await answerMisconfigured(call.exchange, call.cloud)) ?? (await handle(call)),
  };
}

async function answerNotFound({ exchange }: Call): Promise<Answer> {
  await exchange.drain();
  return textAnswer(404, 'text/plain; charset=utf-8', 'The emulator has no such address.\n');
}

async function refuseMethod(): Promise<Answer> {
  throw new CosRefusal(
    'MethodNotAllowed',
    'The specified method is not allowed against this resource.',
  );
}

async function refuseBucket(): Promise<Answer> {
  throw new CosRefusal('NoSuchBucket', 'The specified bucket does not exist.');
}
