import type { BodyBytes } from '../../body/upload-body.js';
import { WxCloudStorageError } from '../../errors/errors.js';
import { neverConnected } from '../../transport/connection-error.js';
import type { BufferedResponse } from '../../transport/response-handlers.js';
import type {
  BucketRequest,
  BucketRequests,
  SentRequest,
  UnansweredRequest,
} from './bucket-requests.js';
import {
  decodeEtag,
  isMessage,
  isStrongEtag,
  readCosError,
  toUploadRejection,
} from './cos-error.js';
import { isInMemory, md5Of, type RequestBody, toObjectBody } from './object-body.js';

/**
 * Headers of an object, by lower-case name: `content-type`, `cache-control`, `content-disposition`,
 * `x-cos-meta-…`, `x-cos-forbid-overwrite`. Values are ASCII.
 */
export type ObjectHeaders = Readonly<Record<string, string>>;

/**
 * Time to wait for the response after the last byte was sent and the caller gave up, in
 * milliseconds. Only the response shows if the object was stored.
 */
export const RESPONSE_GRACE_MS = 3_000;
/** The outcome of a request that stores an object. */
export type PutObjectOutcome =
  | {
      /** COS confirmed the object. */
      readonly isStored: true;
      /** The ETag of COS, without quotes. */
      readonly etag: string;
      /** Returns a header of the response, e.g. `x-cos-version-id`. */
      header(name: string): string | undefined;
    }
  | {
      /** COS did not confirm the object. */
      readonly isStored: false;
      /** An `UploadRejectedError` where COS has responded. */
      readonly error: Error;
      /** True when the object may exist nevertheless, so that it has to be cleaned up. */
      readonly mayExist: boolean;
    };

/** Content of known size. */
interface SizedContent {
  /** Number of bytes. */
  readonly size: number;
  /** Opens the content; called again for a repeat. */
  readonly open: () => BodyBytes;
  /**
   * Receives the number of bytes passed to the connection, for content of several chunks.
   * @defaultValue none
   */
  readonly onBytes?: ((count: number) => void) | undefined;
}

/** The upload of an object in one request. */
export interface PutObjectCall extends SizedContent {
  /** The key. */
  readonly key: string;
  /** The headers of the object. */
  readonly headers: ObjectHeaders;
  /** False for content that can be opened only once. */
  readonly isReplayable: boolean;
  /** Ends the request. */
  readonly signal: AbortSignal;
}

/** A part of a multipart upload. */
export interface UploadPartCall extends SizedContent {
  /** The key. */
  readonly key: string;
  /** The ID of the upload. */
  readonly uploadId: string;
  /** From 1 to 10000. */
  readonly partNumber: number;
  /** The MD5 of the content, in hex. */
  readonly md5: string;
  /** Ends the request. */
  readonly signal: AbortSignal;
}

/** A part of a multipart upload that COS has confirmed. */
export interface ConfirmedPart {
  /** From 1. */
  readonly partNumber: number;
  /** The ETag without quotes. */
  readonly etag: string;
}

/**
 * Uploads an object in one request. Content in memory is sent with its MD5. Never rejects.
 * @see https://cloud.tencent.com/document/product/436/7749
 */
export async function putObject(
  requests: BucketRequests,
  call: PutObjectCall,
): Promise<PutObjectOutcome> {
  const { key, isReplayable, signal } = call;
  let first: BodyBytes;
  try {
    first = call.open();
  } catch (error) {
    return { isStored: false, error: error as Error, mayExist: false };
  }
  const md5 = isInMemory(first) ? await md5Of(first) : undefined;
  const headers = { ...call.headers, ...(md5 === undefined ? {} : contentMd5(md5)) };
  const request = {
    endpoint: 'PUT object',
    method: 'PUT',
    key,
    headers,
    lane: 'upload',
    signal,
  } as const;
  const open = openerOf(first, call, md5 === undefined);
  const outcome = await requests.trySend(request, {
    size: call.size,
    open,
    isReplayable: isReplayable || md5 !== undefined,
    graceMs: RESPONSE_GRACE_MS,
  });
  if ('error' in outcome) return unanswered(outcome);
  return judgePut(requests, request, outcome, md5);
}

/**
 * Uploads a part of a multipart upload.
 * @throws `UploadRejectedError` when COS refuses it, or has other bytes than those sent
 * @see https://cloud.tencent.com/document/product/436/7750
 */
export async function putPart(
  requests: BucketRequests,
  call: UploadPartCall,
): Promise<ConfirmedPart> {
  const { key, uploadId, partNumber, md5, signal } = call;
  const request = {
    endpoint: 'PUT part',
    method: 'PUT',
    key,
    query: { partNumber: String(partNumber), uploadId },
    headers: contentMd5(md5),
    lane: 'upload',
    signal,
  } as const;
  const outcome = await requests.trySend(request, {
    size: call.size,
    open: () => toObjectBody(call.open(), false, call.onBytes),
    isReplayable: true,
  });
  if ('error' in outcome) throw outcome.error;
  const judged = judgePut(requests, request, outcome, md5);
  if (!judged.isStored) throw judged.error;
  return { partNumber, etag: judged.etag };
}

/**
 * Judges the response to a request with content. An object is stored when COS confirms
 * its MD5. Where it encrypts with keys, the ETag is no MD5, and the one that was sent is the proof.
 */
function judgePut(
  requests: BucketRequests,
  request: BucketRequest,
  sent: SentRequest,
  sentMd5: string | undefined,
): PutObjectOutcome {
  const { response, body } = sent;
  const { status, header } = response;
  const isSent = body?.isSent() === true;
  const isConfirmed =
    isSent && status === 200 && isStrongEtag(header('etag')) && !isForeign(response);
  if (!isConfirmed || readCosError(response.text) !== undefined) {
    return refusePut(requests, request, sent);
  }
  const etag = decodeEtag(header('etag'));
  const md5 = sentMd5 ?? body?.md5();
  const isEncrypted = header('x-cos-server-side-encryption') !== undefined;
  if (isEncrypted || etag.toLowerCase() === md5) return { isStored: true, etag, header };
  return { isStored: false, error: corrupted(request), mayExist: true };
}

/** Turns a response that does not confirm an object into an outcome. */
export function refusePut(
  requests: BucketRequests,
  request: BucketRequest,
  sent: SentRequest,
): PutObjectOutcome {
  const { response } = sent;
  const document = readCosError(response.text);
  const error = toUploadRejection(requests.refusalParts(request, sent, document));
  const { status } = response;
  // The 408 of a gateway says nothing about COS; any other 4xx means that nothing was stored.
  const mayExist = status < 400 || status >= 500 || (status === 408 && document === undefined);
  return { isStored: false, error, mayExist };
}

/** Opens the content of each try; the first one is open already. */
function openerOf(first: BodyBytes, call: SizedContent, hashes: boolean): () => RequestBody {
  let next: BodyBytes | undefined = first;
  return () => {
    const bytes = next ?? call.open();
    next = isInMemory(first) ? first : undefined;
    return toObjectBody(bytes, hashes, call.onBytes);
  };
}

/** Turns a request without a response into an outcome. */
export function unanswered({ error, body, isUnsent }: UnansweredRequest): PutObjectOutcome {
  const mayExist = body?.isSent() === true && !isUnsent && !neverConnected(error);
  return { isStored: false, error: error as Error, mayExist };
}

/** Returns the header for an MD5 in hex. */
export function contentMd5(md5: string): { readonly 'content-md5': string } {
  return { 'content-md5': Buffer.from(md5, 'hex').toString('base64') };
}

/** True for a response of something in between: COS sends XML or nothing. */
function isForeign({ header, text }: BufferedResponse): boolean {
  return (
    isMessage(header('content-type') ?? '') || /^\s*(?:<(?:!doctype\s+html|html)|[{[])/i.test(text)
  );
}

function corrupted({ endpoint, key }: BucketRequest): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_UPLOAD_REJECTED',
    message: `Uploading "${key}" failed: COS stored bytes with another MD5 than those sent. Try again.`,
    retryable: true,
    endpoint,
  });
}
