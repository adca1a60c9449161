import { UNKNOWN_CONTENT_TYPE } from '../body/index.js';
import { WxCloudStorageError } from '../errors/index.js';
import type { HttpAnswer } from '../transport/index.js';
import { decodeCosError, decodeEtag } from '../wire/index.js';
import { repeat } from './repeat.js';
import type { StorageContext } from './storage-context.js';

/** What the headers of an object say. */
export interface CloudFileStat {
  /** The file ID. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /** How many bytes it has. */
  readonly size: number;
  /** Its media type. */
  readonly contentType: string;
  /** The MD5 of its content for plain uploads, without quotes; empty when the storage names none. */
  readonly etag: string;
}

/** One reading of an object, or of its headers only. */
export interface FetchObjectCall {
  /** The object. */
  readonly fileId: string;
  /** `HEAD` for the headers only. */
  readonly method: 'GET' | 'HEAD';
  /** Ends the call, and the reading of its body. */
  readonly signal: AbortSignal;
}

/** An object whose headers are there. */
export interface FetchedObject {
  /** The file ID. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /** The answer with the body; has to be read to its end or discarded. */
  readonly answer: HttpAnswer;
}

/** How long the links live that are used at once. */
const LINK_AGE_SECONDS = 600;
const MAX_ERROR_BYTES = 65_536;

/**
 * Asks for a link and reads the object behind it. A transient failure is repeated with a fresh link.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID`, `WX_CLOUD_FILE_NOT_FOUND`, `WX_CLOUD_DOWNLOAD_FAILED`, …
 */
export async function fetchObject(
  context: StorageContext,
  call: FetchObjectCall,
): Promise<FetchedObject> {
  const { fileId, cloudPath } = context.bucket.accept(call.fileId);
  const answer = await repeat(context, { work: () => attempt(context, call), signal: call.signal });
  return { fileId, cloudPath, answer };
}

async function attempt(
  context: StorageContext,
  { fileId, method, signal }: FetchObjectCall,
): Promise<HttpAnswer> {
  const url = await context.links.fetch({ fileId, maxAgeSeconds: LINK_AGE_SECONDS }, signal);
  const endpoint = `${method} object`;
  const answer = await context.transport.send({
    endpoint,
    method,
    url,
    // Compressed by a CDN, the answer would say neither the object's size nor its ETag.
    headers: { 'accept-encoding': 'identity' },
    signal,
    secrets: [...new URL(url).searchParams.values()],
  });
  if (answer.status !== 200) throw await unexpectedAnswer(answer, { endpoint, fileId });
  return answer;
}

/** Reads what the headers say. @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when they name no size */
export function readStat({ fileId, cloudPath, answer }: FetchedObject): CloudFileStat {
  const size = Number(answer.header('content-length') ?? Number.NaN);
  if (!Number.isSafeInteger(size)) {
    answer.discard();
    throw new WxCloudStorageError({
      code: 'WX_CLOUD_RESPONSE_MALFORMED',
      message: `The answer for ${fileId} does not say its size. Check any proxy between.`,
      endpoint: 'GET object',
    });
  }
  return {
    fileId,
    cloudPath,
    size,
    contentType: answer.header('content-type') ?? UNKNOWN_CONTENT_TYPE,
    etag: decodeEtag(answer.header('etag')),
  };
}

async function unexpectedAnswer(
  answer: HttpAnswer,
  { endpoint, fileId }: { readonly endpoint: string; readonly fileId: string },
): Promise<WxCloudStorageError> {
  const { status } = answer;
  const document = decodeCosError(await answer.readText(MAX_ERROR_BYTES));
  const isExpired = status === 403 && /expired/i.test(document?.message ?? '');
  const said = `HTTP ${status}${document === undefined ? '' : ` ${document.code}`}`;
  return new WxCloudStorageError({
    code: status === 404 ? 'WX_CLOUD_FILE_NOT_FOUND' : 'WX_CLOUD_DOWNLOAD_FAILED',
    message: `${endpoint}: reading ${fileId} failed with ${said}. ${adviceFor(status)}`,
    retryable: status >= 500 || status === 429 || isExpired,
    endpoint,
    requestId: answer.header('x-cos-request-id') ?? document?.requestId,
    upstreamStatus: status,
  });
}

function adviceFor(status: number): string {
  if (status === 404) return 'The file is gone: upload it again.';
  if (status === 403)
    return "Check the file's permissions, and that this machine has the right time.";
  if (status === 451) return 'Content review has blocked it.';
  return 'Try again later.';
}
