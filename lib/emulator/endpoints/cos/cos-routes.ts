import { decodePath } from '../../state/cloud-paths.js';
import type { EmulatedCloud } from '../../state/emulated-cloud.js';
import type { WxCloudEmulatorFaultEffect } from '../../state/fault-effects.js';
import type { WxCloudEmulatorOperation } from '../../state/operation.js';
import { CosRefusal } from '../../state/refusals.js';
import type { Exchange } from '../exchange.js';
import { respondToPostObject } from '../object-endpoints.js';
import type { EmulatedResponse } from '../responses.js';
import { assertPermitted, type CosRequest, readParameters } from './cos-request.js';
import type { CosTarget } from './cos-target.js';
import { COPY_SOURCE, respondToCopyObject } from './copy-object.js';
import { respondToDeleteObjects } from './delete-objects.js';
import { respondWithObjects, respondWithParts, respondWithUploads } from './listing.js';
import {
  respondToAbort,
  respondToComplete,
  respondToInitiate,
  respondToUploadPart,
} from './multipart.js';
import { respondToDeleteObject, respondToPutObject, respondWithStoredObject } from './objects.js';

/** The operation that a request to the object storage asks for, and its handler. */
interface CosRoute {
  readonly operation: WxCloudEmulatorOperation | 'unknown';
  readonly cloudPath?: string | undefined;
  readonly handle: (
    exchange: Exchange,
    cloud: EmulatedCloud,
    effect: WxCloudEmulatorFaultEffect | undefined,
  ) => Promise<EmulatedResponse>;
}

type CosHandler = (request: CosRequest) => Promise<EmulatedResponse>;

/**
 * An operation, its method, and the parameter or header that distinguishes it from others of the
 * method.
 */
type CosVerb = readonly [
  operation: WxCloudEmulatorOperation,
  method: string,
  handle: CosHandler,
  mark?: string,
];

/** The operations on an object. Those with a mark come first. */
const OBJECT_VERBS: readonly CosVerb[] = [
  ['upload-part', 'PUT', respondToUploadPart, 'partNumber'],
  ['initiate-multipart-upload', 'POST', respondToInitiate, 'uploads'],
  ['complete-multipart-upload', 'POST', respondToComplete, 'uploadId'],
  ['abort-multipart-upload', 'DELETE', respondToAbort, 'uploadId'],
  ['list-parts', 'GET', respondWithParts, 'uploadId'],
  ['copy-object', 'PUT', respondToCopyObject, COPY_SOURCE],
  ['put-object', 'PUT', respondToPutObject],
  ['get-object', 'GET', respondWithStoredObject],
  ['head-object', 'HEAD', respondWithStoredObject],
  ['delete-object', 'DELETE', respondToDeleteObject],
];

/** The operations on the bucket. */
const BUCKET_VERBS: readonly CosVerb[] = [
  ['delete-objects', 'POST', respondToDeleteObjects, 'delete'],
  ['list-multipart-uploads', 'GET', respondWithUploads, 'uploads'],
  ['list-objects', 'GET', respondWithObjects],
];

/** Settings of buckets and objects that the emulator does not have. */
const MISSING: readonly string[] = [
  'acl',
  'append',
  'cors',
  'lifecycle',
  'policy',
  'restore',
  'select',
  'tagging',
  'versioning',
  'versions',
];

/** Finds the operation of a request to the object storage. */
export function findCosRoute(
  exchange: Exchange,
  { bucket, encoded }: CosTarget,
  { options }: EmulatedCloud,
): CosRoute {
  const parameters = readParameters(exchange.search);
  if (MISSING.some(name => parameters.has(name))) {
    return { operation: 'unknown', handle: refuseSetting };
  }
  const verbs = encoded === '' ? BUCKET_VERBS : OBJECT_VERBS;
  const hasMark = (mark: string): boolean =>
    parameters.has(mark) || exchange.header(mark) !== undefined;
  const verb = verbs.find(
    ([, method, , mark]) => method === exchange.method && (mark === undefined || hasMark(mark)),
  );
  const isForm = verb === undefined && exchange.method === 'POST';
  const operation = isForm ? 'post-object' : (verb?.[0] ?? 'unknown');
  if (operation === 'unknown') return { operation, handle: refuseMethod };
  if (bucket !== options.bucket) return { operation, handle: refuseBucket };
  const cloudPath = decodePath(encoded);
  return {
    operation,
    cloudPath,
    handle: async (call, cloud, effect) => {
      if (verb === undefined) return respondToPostObject(call, cloud, cloudPath);
      if (cloudPath === undefined) throw invalidUri();
      const request = { exchange: call, cloud, cloudPath, parameters, effect };
      assertPermitted(request, operation);
      return verb[2](request);
    },
  };
}

function invalidUri(): CosRefusal {
  return new CosRefusal('InvalidURI', 'Could not parse the specified URI.');
}

async function refuseMethod(): Promise<EmulatedResponse> {
  throw new CosRefusal(
    'MethodNotAllowed',
    'The specified method is not allowed against this resource.',
  );
}

async function refuseSetting(): Promise<EmulatedResponse> {
  throw new CosRefusal('NotImplemented', 'The emulator does not have this setting.');
}

async function refuseBucket(): Promise<EmulatedResponse> {
  throw new CosRefusal('NoSuchBucket', 'The specified bucket does not exist.');
}
