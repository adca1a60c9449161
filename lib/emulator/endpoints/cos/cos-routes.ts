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
import { respondToDeleteObject, respondToPutObject, respondWithStoredObject } from './objects.js';

/** A request that has not been authorized yet, and the operation that it asks for. */
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

/** The operations on an object by method. */
const OBJECT_ROUTES: Readonly<Record<string, readonly [WxCloudEmulatorOperation, CosHandler]>> = {
  PUT: ['put-object', respondToPutObject],
  GET: ['get-object', respondWithStoredObject],
  HEAD: ['head-object', respondWithStoredObject],
  DELETE: ['delete-object', respondToDeleteObject],
};

/** Finds the operation of a request to the object storage. */
export function findCosRoute(
  exchange: Exchange,
  { bucket, encoded }: CosTarget,
  { options }: EmulatedCloud,
): CosRoute {
  const cloudPath = decodePath(encoded);
  const parameters = readParameters(exchange.search);
  const isForm = exchange.method === 'POST';
  const found = isForm ? undefined : OBJECT_ROUTES[exchange.method];
  if (!isForm && (found === undefined || encoded === '')) {
    return { operation: 'unknown', cloudPath, handle: refuseMethod };
  }
  const [operation, handle] = found ?? (['post-object', undefined] as const);
  if (bucket !== options.bucket) return { operation, handle: refuseBucket };
  if (handle === undefined) {
    return {
      operation,
      cloudPath,
      handle: (call, cloud) => respondToPostObject(call, cloud, cloudPath),
    };
  }
  return {
    operation,
    cloudPath,
    handle: async (call, cloud, effect) => {
      if (cloudPath === undefined) throw invalidUri();
      const request = { exchange: call, cloud, cloudPath, parameters, effect };
      assertPermitted(request, operation);
      return handle(request);
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

async function refuseBucket(): Promise<EmulatedResponse> {
  throw new CosRefusal('NoSuchBucket', 'The specified bucket does not exist.');
}
