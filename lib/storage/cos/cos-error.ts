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
