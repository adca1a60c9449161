import {
  UploadRejectedError,
  WxCloudStorageError,
  type WxCloudStorageErrorCode,
} from '../../errors/errors.js';
import { redact } from '../../errors/redaction.js';
import { isTransientStatus } from '../../operations/retry.js';
import { parseXml, textOf } from './cos-xml.js';

/**
 * Error codes that are transient, or end with a fresh link, whatever the status.
 * @see https://cloud.tencent.com/document/api/436/7730
 */
const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'IncompleteBody',
  'InternalError',
  'OperationAborted',
  'RequestTimeout',
  'ServiceUnavailable',
  'SlowDown',
  'UserNetworkTooSlow',
]);

/**
 * Returns the value of an `ETag` header without quotes; empty when missing. For plain uploads to
 * COS it is the MD5 of the content.
 */
export function decodeEtag(header: string | undefined): string {
  return (header ?? '').replace(/^W\//i, '').replaceAll('"', '');
}

/** True for a strong `ETag` header, which identifies the bytes of a representation. */
export function isStrongEtag(header: string | undefined): boolean {
  return header !== undefined && !/^W\//i.test(header) && decodeEtag(header) !== '';
}

/**
 * The relevant parts of the error document of COS.
 * @see https://cloud.tencent.com/document/api/436/7730
 */
export interface CosError {
  /** E.g. `SlowDown`. */
  readonly code: string;
  /** The message of COS. */
  readonly message: string;
  /** The request ID, for the support of Tencent Cloud. */
  readonly requestId: string | undefined;
}

/** Finds the error document of COS in a response body; undefined when missing. */
export function decodeCosError(body: string): CosError | undefined {
  if (!/<Error[\s>]/.test(body)) return undefined;
  return {
    code: readElement(body, 'Code') ?? 'Unknown',
    message: readElement(body, 'Message') ?? '',
    requestId: readElement(body, 'RequestId'),
  };
}

/** Reads a body that is an error document as a whole; undefined for any other. */
export function readCosError(body: string): CosError | undefined {
  const root = parseXml(body);
  if (root === undefined) return decodeCosError(body);
  if (root.name !== 'Error') return undefined;
  return {
    code: textOf(root, 'Code') ?? 'Unknown',
    message: textOf(root, 'Message') ?? '',
    requestId: textOf(root, 'RequestId'),
  };
}

/** Error codes that concern the keys of a request, or its time. */
const KEY_CODES: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidSecurityToken',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
]);

/**
 * Rights of uploads, by their requests, as policies name them.
 * @see https://cloud.tencent.com/document/product/436/65935
 */
const ACTIONS: ReadonlyMap<string, string> = new Map([
  ['PUT object', 'name/cos:PutObject'],
  ['POST uploads', 'name/cos:InitiateMultipartUpload'],
  ['PUT part', 'name/cos:UploadPart'],
  ['POST complete', 'name/cos:CompleteMultipartUpload'],
  ['DELETE upload', 'name/cos:AbortMultipartUpload'],
  ['GET uploads', 'name/cos:ListMultipartUploads'],
]);
/** The requests without which no object is uploaded in parts. */
const PARTS_ENDPOINTS: ReadonlySet<string> = new Set(['POST uploads', 'PUT part', 'POST complete']);

const ADVICE: ReadonlyMap<string, string> = new Map([
  ['InvalidAccessKeyId', 'Check cos.credentials.'],
  ['NoSuchBucket', 'Check cos.bucket and cos.region.'],
  ['RequestTimeTooSkewed', 'Set this machine to the right time.'],
  ['SignatureDoesNotMatch', 'Check cos.credentials, and that no proxy changes requests.'],
]);

const CODE_OF_STATUS: Readonly<Record<number, WxCloudStorageErrorCode>> = {
  404: 'WX_CLOUD_FILE_NOT_FOUND',
  416: 'WX_CLOUD_RANGE_UNSATISFIABLE',
};

/** The named parts of a {@link CosRefusalError}. */
export interface CosRefusalParts {
  /** The operation, e.g. `HEAD object`. */
  readonly endpoint: string;
  /** The key, or the bucket for a request without one. */
  readonly key: string;
  /** The HTTP status. */
  readonly status: number;
  /** The error document; undefined without one. */
  readonly document: CosError | undefined;
  /** The header `x-cos-request-id`. */
  readonly requestId: string | undefined;
  /** Literals to mask. */
  readonly secrets: readonly string[];
}

/** A response of COS that does not confirm what was asked for. */
export class CosRefusalError extends WxCloudStorageError {
  /**
   * The `<Code>` of the error document; absent without one, as in every response to HEAD.
   * @see https://cloud.tencent.com/document/api/436/7730
   */
  declare readonly cosCode?: string;

  /** Creates the error from the response. */
  constructor(parts: CosRefusalParts) {
    const { endpoint, key, status, document } = parts;
    const retryable = isTransientRefusal(parts);
    super({
      code: codeOf(parts),
      message: `${endpoint} "${key}" failed: COS returned ${describe(parts)}. ${retryable ? 'Try again later.' : (adviceFor(parts) ?? 'Quote the request ID to Tencent Cloud support.')}`,
      retryable,
      endpoint,
      upstreamStatus: status,
      requestId: parts.requestId ?? document?.requestId,
    });
    if (document !== undefined) this.cosCode = document.code;
  }
}

/** Creates the error of a request that should have stored an object. */
export function toUploadRejection(parts: CosRefusalParts): UploadRejectedError {
  const { endpoint, key, status, document } = parts;
  return new UploadRejectedError({
    endpoint,
    cloudPath: key,
    upstreamStatus: status,
    cosCode: document?.code,
    response: describe(parts),
    retryable: isTransientRefusal(parts),
    requestId: parts.requestId ?? document?.requestId,
    advice: adviceFor(parts),
  });
}

function describe({ status, document, secrets }: CosRefusalParts): string {
  const reason =
    document === undefined
      ? 'without a confirmation'
      : `${document.code} (${redact(document.message, secrets)})`;
  return `HTTP ${status} ${reason}`;
}

/** Returns what to do about a refusal that stays, where that is known. */
function adviceFor({ document, endpoint }: CosRefusalParts): string | undefined {
  const code = document?.code ?? '';
  if (code !== 'AccessDenied') return ADVICE.get(code);
  const action = ACTIONS.get(endpoint);
  const right = action === undefined ? 'the right to it' : `the right ${action}`;
  const denied = `The keys of cos.credentials lack ${right}: grant it to them.`;
  if (!PARTS_ENDPOINTS.has(endpoint)) return denied;
  return `${denied} Until then files are sent in one request: upload this one again.`;
}

function codeOf({ status, document, endpoint }: CosRefusalParts): WxCloudStorageErrorCode {
  const code = document?.code ?? '';
  if (KEY_CODES.has(code)) return 'WX_CLOUD_CREDENTIAL_REFUSED';
  const isAboutObject = code !== 'NoSuchBucket' && code !== 'NoSuchUpload';
  const isReading = endpoint === 'GET object' || endpoint === 'HEAD object';
  const usual = isReading ? 'WX_CLOUD_DOWNLOAD_FAILED' : 'WX_CLOUD_API_FAILED';
  return (isAboutObject ? CODE_OF_STATUS[status] : undefined) ?? usual;
}

/** True when the same request may succeed later. A 2xx without a confirmation is not from COS. */
function isTransientRefusal({ status, document }: CosRefusalParts): boolean {
  if (document !== undefined && isTransientCosCode(document.code)) return true;
  return status < 400 || isTransientStatus(status) || isExpired(document);
}

/** True when COS refuses a signature or a token that was valid before. */
export function isExpired(document: CosError | undefined): boolean {
  if (document?.code === 'ExpiredToken') return true;
  return document?.code === 'AccessDenied' && /expired/i.test(document.message);
}

/** Returns the `<Code>` of COS in an error; undefined for any other error. */
export function readCosCode(error: unknown): string | undefined {
  const isRefusal = error instanceof CosRefusalError || error instanceof UploadRejectedError;
  return isRefusal ? error.cosCode : undefined;
}

/** True when COS says that the keys lack the right to an operation, and not that they are old. */
export function isAccessDenied(error: unknown): boolean {
  if (!(error instanceof WxCloudStorageError) || error.upstreamStatus !== 403) return false;
  const cosCode = readCosCode(error);
  const isDenied = cosCode === undefined || cosCode === 'AccessDenied';
  // Something in between sends no request ID of COS.
  return isDenied && !error.retryable && error.requestId !== undefined;
}

/** True when the same request may succeed later, by the `<Code>` of the error document. */
export function isTransientCosCode(code: string): boolean {
  return TRANSIENT_CODES.has(code);
}

function readElement(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

/**
 * True for the `Content-Type` of a page or of JSON, which gateways and proxies send in place of
 * others.
 */
export function isMessage(contentType: string): boolean {
  return /^\s*(?:text\/html|application\/(?:[\w.-]+\+)?(?:json|xhtml\+xml))\s*(?:;|$)/i.test(
    contentType,
  );
}
