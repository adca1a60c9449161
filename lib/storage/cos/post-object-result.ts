import { UploadRejectedError, WxCloudStorageError } from '../../errors/errors.js';
import { redact } from '../../errors/redaction.js';
import { isTransientStatus } from '../../operations/retry.js';
import type { BufferedResponse } from '../../transport/response-handlers.js';
import {
  type CosError,
  decodeCosError,
  decodeEtag,
  isMessage,
  isStrongEtag,
  isTransientCosCode,
} from './cos-error.js';

/** The outcome of a form upload. */
export type PostObjectOutcome =
  | {
      /** COS confirmed the object. */
      readonly isStored: true;
      /** The ETag that COS returned, without quotes. */
      readonly etag: string;
    }
  | {
      /** COS did not confirm the object. */
      readonly isStored: false;
      readonly error: Error;
      /** True when the object may exist nevertheless, so that it has to be cleaned up. */
      readonly mayExist: boolean;
      /**
       * True when COS may have refused the form for its fields or signature, so that one without
       * the extra field may be accepted.
       */
      readonly isFormRefused: boolean;
    };

/** The request that a response belongs to. */
interface PostAttempt {
  /** The path of the object. */
  readonly cloudPath: string;
  /** Literals to redact. */
  readonly secrets: readonly string[];
  /** The MD5 of the sent bytes, if the ETag has to match it. */
  readonly md5: string | undefined;
  /** True when all bytes were sent. */
  readonly isSent: boolean;
}

/** 4xx codes that an extra form field cannot cause. */
const UNRELATED_CODES = new Set([
  'BadDigest',
  'EntityTooLarge',
  'EntityTooSmall',
  'InvalidAccessKeyId',
  'InvalidDigest',
  'InvalidURI',
  'KeyTooLong',
  'RequestTimeTooSkewed',
]);

/**
 * Classifies the response to a form upload. The object counts as stored only when COS returned 204,
 * or 200 or 201 with the ETag of the object, without an error document, after all bytes were sent,
 * and with the MD5 of the sent bytes if required. Any other 2xx comes from something in between,
 * such as a blocking gateway or a login proxy.
 */
export function classifyPostResponse(
  response: BufferedResponse,
  attempt: PostAttempt,
): PostObjectOutcome {
  const document = decodeCosError(response.text);
  if (!attempt.isSent || document !== undefined || !isConfirmation(response)) {
    return refuse(response, document, attempt);
  }
  const etag = decodeEtag(response.header('etag'));
  if (attempt.md5 === undefined || etag === attempt.md5) return { isStored: true, etag };
  const error = corrupted(attempt.cloudPath);
  return { isStored: false, error, mayExist: true, isFormRefused: false };
}

function isConfirmation(response: BufferedResponse): boolean {
  if (isForeign(response)) return false;
  if (response.status === 204) return true;
  const isSuccess = response.status === 200 || response.status === 201;
  // Web frameworks send weak ETags; that of a stored object is strong.
  return isSuccess && isStrongEtag(response.header('etag'));
}

/**
 * True for a response that is not from COS, which sends XML or an empty body: a page or JSON comes
 * from something in between, whatever its status.
 */
function isForeign(response: BufferedResponse): boolean {
  return (
    isMessage(response.header('content-type') ?? '') ||
    /^\s*(?:(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html)|[{[])/i.test(response.text)
  );
}

function refuse(
  response: BufferedResponse,
  document: CosError | undefined,
  { cloudPath, secrets }: PostAttempt,
): PostObjectOutcome {
  const { status } = response;
  const message = redact(document?.message ?? '', secrets);
  const isExpired = document?.code === 'AccessDenied' && /expired/i.test(message);
  const isTransient =
    isTransientStatus(status) || isExpired || isTransientCosCode(document?.code ?? '');
  const error = new UploadRejectedError({
    upstreamStatus: status,
    cosCode: document?.code,
    cloudPath,
    response: `HTTP ${status} ${document === undefined ? 'without a confirmation' : `${document.code} (${message})`}`,
    retryable: status < 400 || isTransient,
    requestId: response.header('x-cos-request-id') ?? document?.requestId,
  });
  return {
    isStored: false,
    error,
    mayExist: mayHaveStored(status, document),
    isFormRefused: isFormRefusal(status, document) && !isTransient,
  };
}

/**
 * True when COS may have stored the object. The 408 of a gateway means that the response was late,
 * and says nothing about COS; any other 4xx means that nothing was stored.
 */
function mayHaveStored(status: number, document: CosError | undefined): boolean {
  return status < 400 || status >= 500 || (status === 408 && document === undefined);
}

/**
 * True when COS refused the form. A 403 without an error document comes from something in between.
 */
function isFormRefusal(status: number, document: CosError | undefined): boolean {
  const isRefusal = status === 400 || status === 403;
  return isRefusal && document !== undefined && !UNRELATED_CODES.has(document.code);
}

function corrupted(cloudPath: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_UPLOAD_REJECTED',
    message: `Uploading "${cloudPath}" failed: COS stored bytes with another MD5 than those sent. Try again.`,
    retryable: true,
    endpoint: 'POST object',
  });
}
