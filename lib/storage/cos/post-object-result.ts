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

/** How a form upload ended. */
export type PostObjectOutcome = PostObjectSuccess | PostObjectFailure;

/** COS confirmed that the object is there. */
interface PostObjectSuccess {
  /** Tells a success from a failure. */
  readonly isStored: true;
  /** The ETag that COS answered, without quotes. */
  readonly etag: string;
}

/** COS did not confirm it. */
interface PostObjectFailure {
  /** Tells a success from a failure. */
  readonly isStored: false;
  /** Why the upload does not count. */
  readonly error: Error;
  /** True when the object may be there all the same, so that it has to be looked for. */
  readonly mayExist: boolean;
  /**
   * True when COS refused the form perhaps for its shape or signature, so that one without the
   * extra field may be taken.
   */
  readonly isFormRefused: boolean;
}

/** What an answer is judged by, besides itself. */
interface PostAttempt {
  /** The path of the object. */
  readonly cloudPath: string;
  /** Literals that must not be shown. */
  readonly secrets: readonly string[];
  /** The MD5 of what was sent, when the ETag is to be compared with it. */
  readonly md5: string | undefined;
  /** True when every byte was sent. */
  readonly isSent: boolean;
}

/** 4xx codes that an extra form field cannot be the reason of. */
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
 * Decides what became of a form upload. It counts as stored only when COS answered 204, or 200 or
 * 201 with the ETag of the object, without an error document, after all bytes were sent, and named
 * the MD5 of what was sent if that was asked for. Any other 2xx comes from something in between,
 * such as a gateway that blocks or a proxy that wants a login.
 */
export function classifyPostResponse(
  response: BufferedResponse,
  evidence: PostAttempt,
): PostObjectOutcome {
  const document = decodeCosError(response.text);
  if (!evidence.isSent || document !== undefined || !isConfirmation(response)) {
    return refuse(response, document, evidence);
  }
  const etag = decodeEtag(response.header('etag'));
  if (evidence.md5 === undefined || etag === evidence.md5) return { isStored: true, etag };
  const error = corrupted(evidence.cloudPath);
  return { isStored: false, error, mayExist: true, isFormRefused: false };
}

function isConfirmation(response: BufferedResponse): boolean {
  if (isForeign(response)) return false;
  if (response.status === 204) return true;
  const isSuccess = response.status === 200 || response.status === 201;
  // A web framework gives a weak ETag to whatever it answers; that of a stored object is strong.
  return isSuccess && isStrongEtag(response.header('etag'));
}

/**
 * COS answers with XML or nothing: a page or JSON comes from something in between, whatever its
 * status.
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
): PostObjectFailure {
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
 * A gateway's 408 says that an answer was late, and nothing of what COS did; the other 4xx say that
 * nothing was stored.
 */
function mayHaveStored(status: number, document: CosError | undefined): boolean {
  return status < 400 || status >= 500 || (status === 408 && document === undefined);
}

/** Only COS judges a form; a 403 without its document is that of something in between. */
function isFormRefusal(status: number, document: CosError | undefined): boolean {
  const isRefusal = status === 400 || status === 403;
  return isRefusal && document !== undefined && !UNRELATED_CODES.has(document.code);
}

function corrupted(cloudPath: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_UPLOAD_REJECTED',
    message: `Uploading "${cloudPath}" failed: COS stored other bytes than were sent, by their MD5. Try again.`,
    retryable: true,
    endpoint: 'POST object',
  });
}
