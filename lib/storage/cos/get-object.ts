import { WxCloudStorageError } from '../../errors/errors.js';
import { isTransientStatus } from '../../operations/retry.js';
import { type HttpTransport, toTarget } from '../../transport/http-client.js';
import type { StreamedResponse } from '../../transport/response-handlers.js';
import {
  type CosError,
  decodeCosError,
  isMessage,
  isStrongEtag,
  isTransientCosCode,
} from './cos-error.js';

/** One request for an object, or for its headers only. */
export interface GetObjectRequest {
  /** A temporary link to the object. */
  readonly url: URL;
  /** The file ID, for errors. */
  readonly fileId: string;
  /** `HEAD` for the headers only. */
  readonly method: 'GET' | 'HEAD';
  /**
   * The range, and the validator of the object it belongs to.
   * @defaultValue the whole object
   */
  readonly headers?: { readonly range: string; readonly 'if-range'?: string } | undefined;
  /** Ends the request and the reading of its body. */
  readonly signal: AbortSignal;
}

/** The outcome of a request for an object. */
export type GetObjectOutcome =
  | {
      readonly isFound: true;
      /** The response: 200, or 206 for a part. Must be read to its end or discarded. */
      readonly response: StreamedResponse;
    }
  | {
      readonly isFound: false;
      readonly error: WxCloudStorageError;
      /** True when a fresh link may help at once. */
      readonly isLinkExpired: boolean;
    };

const MAX_ERROR_BYTES = 65_536;
const OBJECT_HEADERS = ['last-modified', 'x-cos-request-id', 'x-cos-hash-crc64ecma'] as const;

const CODES: Readonly<Record<number, WxCloudStorageError['code']>> = {
  404: 'WX_CLOUD_FILE_NOT_FOUND',
  416: 'WX_CLOUD_RANGE_UNSATISFIABLE',
};

const ADVICE: Readonly<Record<number, string>> = {
  403: "Check the file's permissions and the clock of this machine.",
  404: 'The file is gone: upload it again.',
  416: 'Request a range within the file.',
  451: 'Content review has blocked it.',
};

/**
 * Requests one object from COS, or from the CDN in front of it.
 * @throws {@link WxCloudStorageError} errors of the transport
 * @see https://cloud.tencent.com/document/api/436/7753
 */
export async function getObject(
  transport: HttpTransport,
  request: GetObjectRequest,
): Promise<GetObjectOutcome> {
  const { url, fileId, method, headers, signal } = request;
  const response = await transport.requestStream({
    endpoint: `${method} object`,
    method,
    target: toTarget(url),
    // A response compressed by a CDN would lack the size and the ETag of the object.
    headers: { 'accept-encoding': 'identity', ...headers },
    signal,
    secrets: [...url.searchParams.values()],
  });
  const { status } = response;
  if (status === 200 || (status === 206 && headers !== undefined)) {
    if (isObject(response)) return { isFound: true, response };
    response.discard();
    return { isFound: false, error: notTheObject(fileId, status), isLinkExpired: false };
  }
  const document = decodeCosError(await response.readText(MAX_ERROR_BYTES));
  const isLinkExpired = status === 403 && /expired/i.test(document?.message ?? '');
  return { isFound: false, error: toReadError(response, document, request), isLinkExpired };
}

/**
 * True for an object, false for a page or JSON of something in between, such as a login page.
 * Storage and CDN send an ETag or the time of the last change for every object; a page has neither,
 * or a weak ETag.
 */
function isObject(response: StreamedResponse): boolean {
  return (
    !isMessage(response.header('content-type') ?? '') ||
    isStrongEtag(response.header('etag')) ||
    OBJECT_HEADERS.some(name => response.header(name) !== undefined)
  );
}

function notTheObject(fileId: string, status: number): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `The response for ${fileId} is a page, not the file. Check any proxy or gateway in between.`,
    retryable: true,
    endpoint: 'GET object',
    upstreamStatus: status,
  });
}

function toReadError(
  response: StreamedResponse,
  document: CosError | undefined,
  { method, fileId }: GetObjectRequest,
): WxCloudStorageError {
  const { status } = response;
  const endpoint = `${method} object`;
  const found = `HTTP ${status}${document === undefined ? '' : ` ${document.code}`}`;
  return new WxCloudStorageError({
    code: CODES[status] ?? 'WX_CLOUD_DOWNLOAD_FAILED',
    message: `${endpoint}: reading ${fileId} failed with ${found}. ${ADVICE[status] ?? 'Try again later.'}`,
    retryable: isTransientStatus(status) || isTransientCosCode(document?.code ?? ''),
    endpoint,
    requestId: response.header('x-cos-request-id') ?? document?.requestId,
    upstreamStatus: status,
  });
}
