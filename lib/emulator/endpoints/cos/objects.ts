import type { ObjectDescription } from '../../state/object-store.js';
import { CosRefusal } from '../../state/refusals.js';
import { readObjectHeaders } from '../object-headers.js';
import { readObject } from '../read-object.js';
import { type EmulatedResponse, cosHeaders, emptyResponse } from '../responses.js';
import { bucketNowMs, versionHeaders } from './bucket-headers.js';
import { assertKey, type CosRequest } from './cos-request.js';
import { receiveContent } from './receive-content.js';

/** The parameters of a download that replace headers of the object. */
const RESPONSE_PARAMETERS: readonly string[] = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
];

/**
 * Handles `PUT /<key>`.
 * @see https://cloud.tencent.com/document/product/436/7749
 */
export async function respondToPutObject(request: CosRequest): Promise<EmulatedResponse> {
  const { cloud, cloudPath } = request;
  assertKey(cloudPath);
  const description = describeObject(request);
  const isCreateOnly = forbidsOverwrite(request);
  if (isCreateOnly && cloud.store.objects.has(cloudPath)) throw alreadyExists();
  const { incoming, size, etag, crc64 } = await receiveContent(request);
  const lastModifiedMs = bucketNowMs(cloud);
  const object = { ...description, size, etag, crc64: String(crc64), lastModifiedMs };
  if (!(await incoming.commit(object, isCreateOnly))) throw alreadyExists();
  return emptyResponse(200, {
    ...cosHeaders(),
    ETag: `"${etag}"`,
    'x-cos-hash-crc64ecma': String(crc64),
    ...versionHeaders(cloud),
  });
}

/** Reads the metadata that the headers of a request give to an object. */
export function describeObject({ exchange, cloud, cloudPath }: CosRequest): ObjectDescription {
  const headers = readObjectHeaders(exchange.headers);
  return {
    cloudPath,
    contentType: exchange.header('content-type') || 'application/octet-stream',
    contentEncoding: exchange.header('content-encoding') || undefined,
    headers,
    fileIdAlive: cloud.metaIds.isOf(cloudPath, headers?.['x-cos-meta-fileid']),
  };
}

/** Returns true if a request must not replace an object. */
export function forbidsOverwrite({ exchange, cloud }: CosRequest): boolean {
  return (
    exchange.header('x-cos-forbid-overwrite')?.toLowerCase() === 'true' &&
    !cloud.options.cos.versioning
  );
}

/** Creates the refusal to replace an object. */
export function alreadyExists(): CosRefusal {
  return new CosRefusal('FileAlreadyExists', 'The object you specified already exists.');
}

/**
 * Handles `GET /<key>` and `HEAD /<key>`.
 * @see https://cloud.tencent.com/document/product/436/7753
 */
export async function respondWithStoredObject(request: CosRequest): Promise<EmulatedResponse> {
  const { exchange, cloud, cloudPath, parameters, effect } = request;
  await exchange.drain();
  const wanted = RESPONSE_PARAMETERS.flatMap(name => {
    const value = parameters.get(`response-${name}`);
    return value === undefined ? [] : [[name, value] as const];
  });
  const download = cloud.options.cos.forceDownload
    ? { 'x-cos-force-download': 'true', 'content-disposition': 'attachment' }
    : {};
  const headers = { ...download, ...Object.fromEntries(wanted) };
  return readObject(exchange, cloud, cloudPath, { effect, headers });
}

/**
 * Handles `DELETE /<key>`; a missing object is deleted too.
 * @see https://cloud.tencent.com/document/product/436/7743
 */
export async function respondToDeleteObject({
  exchange,
  cloud,
  cloudPath,
}: CosRequest): Promise<EmulatedResponse> {
  await exchange.drain();
  await cloud.store.delete(cloudPath);
  return emptyResponse(204, cosHeaders());
}
