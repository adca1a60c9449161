import { encodePath } from '../state/cloud-paths.js';
import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { WxCloudEmulatorFaultEffect } from '../state/fault-effects.js';
import type { StoredObject } from '../state/object-store.js';
import { CosRefusal } from '../state/refusals.js';
import type { Exchange } from './exchange.js';
import { ObjectUploadReceiver, readBoundary } from './receive-object.js';
import {
  type EmulatedResponse,
  cosHeaders,
  emptyResponse,
  textResponse,
  xmlDocument,
} from './responses.js';

/** A range of bytes: `end` is exclusive. */
interface ObjectRange {
  /** The first byte. */
  readonly start: number;
  /** The byte after the last one. */
  readonly end: number;
}

/**
 * Reads a `Range` header for an object of `size` bytes. Returns undefined for the whole object,
 * also for several ranges, other units and invalid values, and null for an unsatisfiable range.
 */
function readRange(header: string | undefined, size: number): ObjectRange | undefined | null {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec((header ?? '').trim()) ?? [];
  if (from === '' && to === '') return undefined;
  if (from === '')
    return Number(to) === 0 || size === 0
      ? null
      : { start: Math.max(0, size - Number(to)), end: size };
  if (to !== '' && Number(to) < Number(from)) return undefined;
  if (Number(from) >= size) return null;
  return { start: Number(from), end: to === '' ? size : Math.min(size, Number(to) + 1) };
}

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
  const content = await cloud.store.open(cloudPath);
  if (content === undefined) {
    throw new CosRefusal('NoSuchKey', 'The specified key does not exist.');
  }
  const release = (): Promise<void> => content.close();
  try {
    const wanted = effect?.kind === 'ignore-range' ? undefined : exchange.header('range');
    const { head, range } = describe(exchange, content.object, wanted);
    const body = range === undefined ? head.body : content.read(range.start, range.end);
    return { ...head, body, release };
  } catch (error) {
    await release();
    throw error;
  }
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

/** Returns the response without its body, and the range that is the body, if there is one. */
function describe(
  exchange: Exchange,
  object: StoredObject,
  wanted: string | undefined,
): { readonly head: EmulatedResponse; readonly range?: ObjectRange } {
  const etag = `"${object.etag}"`;
  const lastModified = new Date(object.lastModifiedMs).toUTCString();
  const headers = {
    ...cosHeaders(),
    ETag: etag,
    'Last-Modified': lastModified,
    'Accept-Ranges': 'bytes',
  };
  if (matchesAny(exchange.header('if-none-match'), etag))
    return { head: emptyResponse(304, headers) };
  const condition = exchange.header('if-range');
  const isCurrent = condition === undefined || condition === etag || condition === lastModified;
  const range = isCurrent ? readRange(wanted, object.size) : undefined;
  if (range === null) {
    throw new CosRefusal('InvalidRange', 'The requested range is not satisfiable', {
      'Content-Range': `bytes */${object.size}`,
    });
  }
  const { start, end } = range ?? { start: 0, end: object.size };
  const partly =
    range === undefined ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${object.size}` };
  const head = emptyResponse(range === undefined ? 200 : 206, {
    ...headers,
    ...partly,
    'Content-Type': object.contentType,
    ...(object.contentEncoding === undefined ? {} : { 'Content-Encoding': object.contentEncoding }),
    'Content-Length': String(end - start),
  });
  return { head, range: { start, end } };
}

function matchesAny(header: string | undefined, etag: string): boolean {
  const tags = (header ?? '').split(',').map(tag => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}

/**
 * Handles the form upload `POST /<bucket>/<path>`.
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
