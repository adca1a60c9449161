import { HttpException, HttpStatus } from '@nestjs/common';
import { WxCloudStorageError, type WxCloudStorageErrorCode } from '../errors/index.js';

/** What a code is answered with, and in which words; upstream texts are not for clients. */
interface HttpAnswerKind {
  readonly status: HttpStatus;
  /** Undefined where our own message is about what the client sent, and so may be shown. */
  readonly message?: string;
}

const UPSTREAM_FAILED = 'The cloud storage could not complete the request.';
const UNAVAILABLE = 'The cloud storage is not available at the moment.';

/** The HTTP status of every code. */
export const HTTP_ANSWERS: Readonly<Record<WxCloudStorageErrorCode, HttpAnswerKind>> = {
  WX_CLOUD_OPTIONS_INVALID: { status: 500, message: 'The server is not configured for uploads.' },
  WX_CLOUD_ARGUMENT_INVALID: {
    status: 500,
    message: 'The server used the cloud storage in a wrong way.',
  },
  WX_CLOUD_FILE_ID_INVALID: { status: 400 },
  WX_CLOUD_PATH_INVALID: { status: 400 },
  WX_CLOUD_FORM_INVALID: { status: 400 },
  WX_CLOUD_FILE_REQUIRED: { status: 400 },
  WX_CLOUD_FILE_TOO_LARGE: { status: 413 },
  WX_CLOUD_TYPE_REFUSED: { status: 415 },
  WX_CLOUD_TICKET_REFUSED: { status: 400 },
  WX_CLOUD_SIZE_MISMATCHED: { status: 400 },
  WX_CLOUD_BODY_FAILED: { status: 400, message: 'The upload could not be read to its end.' },
  WX_CLOUD_BODY_STALLED: { status: 408, message: 'The upload did not go on in time.' },
  WX_CLOUD_SPOOL_FAILED: { status: 507, message: 'The server has no room for the upload.' },
  WX_CLOUD_CAPACITY_EXCEEDED: { status: 503, message: 'The server has too many uploads to take.' },
  WX_CLOUD_FILE_NOT_FOUND: { status: 404, message: 'There is no such file.' },
  WX_CLOUD_RANGE_UNSATISFIABLE: { status: 416, message: 'The file has no such part.' },
  WX_CLOUD_TOKEN_REJECTED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_CREDENTIAL_REFUSED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_CREDENTIAL_UNAVAILABLE: { status: 503, message: UNAVAILABLE },
  WX_CLOUD_QUOTA_EXCEEDED: { status: 503, message: UNAVAILABLE },
  WX_CLOUD_API_FAILED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_UPLOAD_REJECTED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_DOWNLOAD_FAILED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_RESPONSE_MALFORMED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_CONNECTION_FAILED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_REQUEST_TIMED_OUT: { status: 504, message: 'The cloud storage took too long.' },
  WX_CLOUD_REQUEST_ABORTED: { status: 400, message: 'The request was aborted.' },
  WX_CLOUD_STORAGE_CLOSED: { status: 503, message: UNAVAILABLE },
};

/**
 * Turns an error of this package into an `HttpException` whose body holds `statusCode`, `message`, `error` and
 * `errorCode`; the error itself is its cause. Anything else is passed back as it is.
 */
export function toHttpException(error: unknown): unknown {
  if (!(error instanceof WxCloudStorageError)) return error;
  const { status, message = error.message } = HTTP_ANSWERS[error.code];
  const body = { statusCode: status, message, error: reasonPhrase(status), errorCode: error.code };
  return new HttpException(body, status, { cause: error });
}

function reasonPhrase(status: HttpStatus): string {
  const words = (HttpStatus[status] ?? 'Error').toLowerCase().split('_');
  return words.map(word => word.charAt(0).toUpperCase() + word.slice(1)).join(' ');
}
