import { redact, UploadRejectedError, WxCloudStorageError } from '../errors/index.js';
import type { HttpReply } from '../transport/index.js';
import { decodeCosError, decodeEtag, type CosError } from '../wire/index.js';

/** How a form upload ended. */
export type PostObjectOutcome = PostObjectSuccess | PostObjectFailure;

/** COS confirmed that the object is there. */
export interface PostObjectSuccess {
  /** Tells a success from a failure. */
  readonly isStored: true;
  /** The ETag that COS answered, without quotes. */
  readonly etag: string;
}

/** COS did not confirm it. */
export interface PostObjectFailure {
  /** Tells a success from a failure. */
  readonly isStored: false;
  /** Why the upload does not count. */
  readonly error: Error;
  /** Whether the object may be there all the same, so that it has to be looked for. */
  readonly mayExist: boolean;
  /** Whether COS refused the form perhaps for its shape or signature, so that one without the extra field may be taken. */
  readonly isFormRefused: boolean;
}

/** What an answer is judged by, besides itself. */
export interface PostObjectEvidence {
  /** The path of the object. */
  readonly cloudPath: string;
  /** Literals that must not be shown. */
  readonly secrets: readonly string[];
  /** The MD5 of what was sent, when the ETag is to be compared with it. */
  readonly md5: string | undefined;
  /** Whether every byte was sent. */
  readonly isSent: boolean;
}

/** COS confirms with 204, or with 200 or 201 when a gateway asks for it. */
const SUCCESS = new Set([200, 201, 204]);

/** 4xx codes that pass by themselves, or with a fresh link. @see https://cloud.tencent.com/document/api/436/7730 */
const TRANSIENT_CODES = new Set([
  'RequestTimeout',
  'UserNetworkTooSlow',
  'IncompleteBody',
  'ExpiredToken',
]);

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
 * Decides what became of a form upload. It counts as stored only when COS answered 200, 201 or 204 without an error
 * document after all bytes were sent, and named the MD5 of what was sent if that was asked for.
 */
export function judgePostObject(
  answer: HttpReply,
  evidence: PostObjectEvidence,
): PostObjectOutcome {
  const document = decodeCosError(answer.text);
  const isPage = looksLikePage(answer);
  if (!SUCCESS.has(answer.status) || document !== undefined || isPage || !evidence.isSent) {
    return refuse(answer, document, { ...evidence, isPage });
  }
  const etag = decodeEtag(answer.header('etag'));
  if (evidence.md5 === undefined || etag === evidence.md5) return { isStored: true, etag };
  const error = corrupted(evidence.cloudPath);
  return { isStored: false, error, mayExist: true, isFormRefused: false };
}

/** A page comes from something in between, such as a proxy that wants a login, whatever its status. */
function looksLikePage(answer: HttpReply): boolean {
  return (
    /^text\/html\b/i.test(answer.header('content-type') ?? '') ||
    /^\s*<(?:!doctype|html)/i.test(answer.text)
  );
}

function refuse(
  answer: HttpReply,
  document: CosError | undefined,
  { cloudPath, secrets, isPage }: PostObjectEvidence & { readonly isPage: boolean },
): PostObjectFailure {
  const { status } = answer;
  const message = redact(document?.message ?? '', secrets);
  const isExpired = document?.code === 'AccessDenied' && /expired/i.test(message);
  const isTransient = isExpired || TRANSIENT_CODES.has(document?.code ?? '');
  const error = new UploadRejectedError({
    upstreamStatus: status,
    cosCode: document?.code,
    cloudPath,
    answer: `HTTP ${status} ${document === undefined ? 'without a confirmation' : `${document.code} (${message})`}`,
    // 501 says that COS will never do it.
    retryable: (status >= 500 && status !== 501) || status < 400 || isTransient,
    requestId: answer.header('x-cos-request-id') ?? document?.requestId,
  });
  const isRefusal = (status === 400 || status === 403) && !isTransient && !isPage;
  return {
    isStored: false,
    error,
    mayExist: status < 400 || status >= 500,
    isFormRefused: isRefusal && !UNRELATED_CODES.has(document?.code ?? ''),
  };
}

function corrupted(cloudPath: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_UPLOAD_REJECTED',
    message: `Uploading "${cloudPath}" failed: COS stored other bytes than were sent, by their MD5. Try again.`,
    retryable: true,
    endpoint: 'POST object',
  });
}
