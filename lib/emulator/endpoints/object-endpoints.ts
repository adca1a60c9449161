import { encodePath } from '../state/cloud-paths.js';
import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { WxCloudEmulatorFaultEffect } from '../state/fault-effects.js';
import type { StoredObject } from '../state/object-store.js';
import { CosRefusal } from '../state/refusals.js';
import type { Exchange } from './exchange.js';
import { readObject } from './read-object.js';
import { ObjectUploadReceiver, readBoundary } from './receive-object.js';
import {
  type EmulatedResponse,
  cosHeaders,
  emptyResponse,
  textResponse,
  xmlDocument,
} from './responses.js';

/** Handles `GET` and `HEAD` of a signed link. */
export async function respondWithObject(
  exchange: Exchange,
  cloud: EmulatedCloud,
  cloudPath: string | undefined,
  effect: WxCloudEmulatorFaultEffect | undefined,
): Promise<EmulatedResponse> {
  await exchange.drain();
  assertPath(cloudPath);
  assertLink(exchange, cloud, cloudPath);
  return readObject(exchange, cloud, cloudPath, { effect });
}

/**
 * Checks that there is a path: it is undefined if the URL has an invalid encoding.
 * @throws {@link CosRefusal} InvalidURI
 */
function assertPath(cloudPath: string | undefined): asserts cloudPath is string {
  if (cloudPath !== undefined) return;
  throw new CosRefusal('InvalidURI', 'Could not parse the specified URI.');
}

function assertLink(exchange: Exchange, cloud: EmulatedCloud, cloudPath: string): void {
  const state = cloud.downloadLinks.check(cloudPath, exchange.query);
  if (state === 'wrong') throw new CosRefusal('AccessDenied', 'Access Denied.');
  if (state === 'expired') throw new CosRefusal('AccessDenied', 'Request has expired');
}

/**
 * Handles the form upload `POST /<bucket>/<path>`, or `POST /<bucket>/` with the path in the form.
 * @see https://cloud.tencent.com/document/api/436/14690
 */
export async function respondToPostObject(
  exchange: Exchange,
  cloud: EmulatedCloud,
  cloudPath: string | undefined,
): Promise<EmulatedResponse> {
  assertPath(cloudPath);
  const receiver = new ObjectUploadReceiver(cloud, cloudPath, assertForm(exchange));
  try {
    for await (const chunk of exchange.body()) await receiver.accept(chunk);
    const object = await receiver.complete();
    exchange.nameObjects([object.cloudPath]);
    return toResponse(object, receiver.successStatus, cloud);
  } catch (error) {
    await receiver.discard();
    throw error;
  }
}

function assertForm(exchange: Exchange): string {
  if (exchange.header('content-length') === undefined) {
    throw new CosRefusal(
      'MissingContentLength',
      'You must provide the Content-Length HTTP header.',
    );
  }
  const boundary = readBoundary(exchange.header('content-type'));
  if (boundary !== undefined) return boundary;
  throw new CosRefusal(
    'MalformedPOSTRequest',
    'The body of your POST request is not well-formed multipart/form-data.',
  );
}

function toResponse(
  object: StoredObject,
  successStatus: 200 | 201 | 204,
  cloud: EmulatedCloud,
): EmulatedResponse {
  const etag = `"${object.etag}"`;
  const location = `${cloud.url}/${cloud.options.bucket}/${encodePath(object.cloudPath)}`;
  const headers = { ...cosHeaders(), ETag: etag, Location: location };
  if (successStatus !== 201) return emptyResponse(successStatus, headers);
  const document = xmlDocument('PostResponse', {
    Location: location,
    Bucket: cloud.options.bucket,
    Key: object.cloudPath,
    ETag: etag,
  });
  const response = textResponse(201, 'application/xml', document);
  return { ...response, headers: { ...response.headers, ...headers } };
}
