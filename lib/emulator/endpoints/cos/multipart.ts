import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { encodePath } from '../../state/cloud-paths.js';
import {
  describeWhole,
  discardParts,
  type ListedPart,
  type MultipartUpload,
  selectParts,
  type StoredPart,
} from '../../state/multipart-uploads.js';
import { storeContents } from '../../state/object-store.js';
import { CosRefusal } from '../../state/refusals.js';
import { assertDigest } from '../content-digest.js';
import { type EmulatedResponse, cosHeaders, emptyResponse } from '../responses.js';
import { bucketNowMs, versionHeaders } from './bucket-headers.js';
import { assertKey, type CosRequest } from './cos-request.js';
import { alreadyExists, describeObject, forbidsOverwrite } from './objects.js';
import { receiveContent } from './receive-content.js';
import {
  documentOf,
  element,
  malformed,
  parseDocument,
  readDocument,
  textOf,
  toXmlResponse,
} from './xml.js';

const MAX_PART_NUMBER = 10_000;
/** The time between two bytes of white space in a response that takes long. */
const WHITE_SPACE_MS = 50;
const WHITE_SPACE = Buffer.from('\n');

/**
 * Handles `POST /<key>?uploads`. The object gets the metadata of this request.
 * @see https://cloud.tencent.com/document/product/436/7746
 */
export async function respondToInitiate(request: CosRequest): Promise<EmulatedResponse> {
  const { exchange, cloud, cloudPath } = request;
  await exchange.drain();
  assertKey(cloudPath);
  const description = describeObject(request);
  const { uploadId } = cloud.multipartUploads.initiate(description, bucketNowMs(cloud));
  return toXmlResponse(
    documentOf('InitiateMultipartUploadResult', [
      element('Bucket', cloud.options.bucket),
      element('Key', cloudPath),
      element('UploadId', uploadId),
    ]),
  );
}

/** Finds the upload that a request names. */
export function findUpload({ cloud, cloudPath, parameters }: CosRequest): MultipartUpload {
  return cloud.multipartUploads.find(parameters.get('uploadId') ?? '', cloudPath);
}

/**
 * Handles `PUT /<key>?partNumber=&uploadId=`.
 * @see https://cloud.tencent.com/document/product/436/7750
 */
export async function respondToUploadPart(request: CosRequest): Promise<EmulatedResponse> {
  const { exchange, cloud, parameters } = request;
  if (exchange.header('x-cos-copy-source') !== undefined) {
    throw new CosRefusal('NotImplemented', 'The emulator does not copy objects to parts.');
  }
  const partNumber = Number(parameters.get('partNumber'));
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > MAX_PART_NUMBER) {
    throw new CosRefusal('InvalidArgument', 'partNumber must be an integer from 1 to 10000.');
  }
  const upload = findUpload(request);
  const { incoming, size, etag, crc64 } = await receiveContent(request);
  const content = await incoming.keep();
  const storedMs = bucketNowMs(cloud);
  const part = { content, size, etag, crc64, storedMs };
  await cloud.multipartUploads.addPart(upload, partNumber, part);
  return emptyResponse(200, {
    ...cosHeaders(),
    ETag: `"${etag}"`,
    'x-cos-hash-crc64ecma': String(crc64),
  });
}

/**
 * Handles `POST /<key>?uploadId=`: makes the object from its parts.
 * @see https://cloud.tencent.com/document/product/436/7742
 */
export async function respondToComplete(request: CosRequest): Promise<EmulatedResponse> {
  const { exchange, cloud, cloudPath, effect } = request;
  const body = await readDocument(exchange);
  assertDigest(exchange.header('content-md5'), createHash('md5').update(body).digest());
  const upload = findUpload(request);
  const parts = selectParts(upload, readParts(body));
  const isCreateOnly = forbidsOverwrite(request);
  if (isCreateOnly && cloud.store.objects.has(cloudPath)) throw alreadyExists();
  const etag = await compose(request, upload, parts);
  const { bucket } = cloud.options;
  const document = documentOf('CompleteMultipartUploadResult', [
    element('Location', `${cloud.url}/${bucket}/${encodePath(cloudPath)}`),
    element('Bucket', bucket),
    element('Key', cloudPath),
    element('ETag', `"${etag}"`),
  ]);
  const delayMs = effect?.kind === 'delay' ? effect.delayMs : 0;
  return {
    status: 200,
    headers: { 'Content-Type': 'application/xml', ...cosHeaders(), ...versionHeaders(cloud) },
    body: sendLate(document, delayMs, exchange.signal),
    isEarly: true,
  };
}

function readParts(body: Buffer): readonly ListedPart[] {
  const root = parseDocument(body.toString('utf8'), 'CompleteMultipartUpload');
  const parts = root.children.filter(({ name }) => name === 'Part');
  if (parts.length === 0 || parts.length > MAX_PART_NUMBER) throw malformed();
  return parts.map(part => {
    const number = textOf(part, 'PartNumber')?.trim() ?? '';
    const etag = textOf(part, 'ETag')?.trim().replaceAll('"', '').toLowerCase();
    if (!/^\d{1,5}$/.test(number) || etag === undefined) throw malformed();
    return { partNumber: Number(number), etag };
  });
}

/** Stores the object and returns its ETag. If that fails, the upload stays. */
async function compose(
  request: CosRequest,
  upload: MultipartUpload,
  parts: readonly StoredPart[],
): Promise<string> {
  const { multipartUploads, store } = request.cloud;
  const whole = describeWhole(parts);
  const object = { ...upload.description, ...whole, lastModifiedMs: bucketNowMs(request.cloud) };
  multipartUploads.take(upload);
  try {
    const contents = parts.map(({ content }) => content);
    const isStored = await storeContents(store, contents, object, forbidsOverwrite(request));
    if (!isStored) throw alreadyExists();
  } catch (error) {
    multipartUploads.putBack(upload);
    throw error;
  }
  await discardParts(upload);
  return whole.etag;
}

/** Sends white space until the time has passed, so that the connection is not idle. */
async function* sendLate(
  document: string,
  delayMs: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const endMs = performance.now() + delayMs;
  for (let left = delayMs; left > 0; left = endMs - performance.now()) {
    yield WHITE_SPACE;
    await wait(Math.min(left, WHITE_SPACE_MS), undefined, { signal });
  }
  yield Buffer.from(document);
}

/**
 * Handles `DELETE /<key>?uploadId=`.
 * @see https://cloud.tencent.com/document/product/436/7740
 */
export async function respondToAbort(request: CosRequest): Promise<EmulatedResponse> {
  await request.exchange.drain();
  const upload = findUpload(request);
  request.cloud.multipartUploads.take(upload);
  await discardParts(upload);
  return emptyResponse(204, cosHeaders());
}
