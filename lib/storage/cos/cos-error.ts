/**
 * The codes of refusals that pass by themselves, or with a fresh link, whatever status they come
 * with.
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
 * The value of an `ETag` header without its quotes; empty when there is none. For plain uploads COS
 * makes it the MD5 of the content.
 */
export function decodeEtag(header: string | undefined): string {
  return (header ?? '').replace(/^W\//i, '').replaceAll('"', '');
}

/**
 * Tells whether an `ETag` header names the bytes of a representation: there is one, and it is not a
 * weak one.
 */
export function isStrongEtag(header: string | undefined): boolean {
  return header !== undefined && !/^W\//i.test(header) && decodeEtag(header) !== '';
}

/**
 * The parts of COS's error document that matter here.
 * @see https://cloud.tencent.com/document/api/436/7730
 */
export interface CosError {
  /** E.g. `SlowDown`. */
  readonly code: string;
  /** COS's text. */
  readonly message: string;
  /** To be quoted to Tencent Cloud's support. */
  readonly requestId: string | undefined;
}

/** Finds COS's error document in an answer's body; undefined when the body holds none. */
export function decodeCosError(body: string): CosError | undefined {
  if (!/<Error[\s>]/.test(body)) return undefined;
  return {
    code: readElement(body, 'Code') ?? 'Unknown',
    message: readElement(body, 'Message') ?? '',
    requestId: readElement(body, 'RequestId'),
  };
}

/** Tells whether the same request may succeed later, by the `<Code>` of COS's error document. */
export function isTransientCosCode(code: string): boolean {
  return TRANSIENT_CODES.has(code);
}

function readElement(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

/**
 * Tells whether a `Content-Type` is that of a page or of JSON: what gateways and proxies answer in
 * place of others.
 */
export function isMessage(contentType: string): boolean {
  return /^\s*(?:text\/html|application\/(?:[\w.-]+\+)?(?:json|xhtml\+xml))\s*(?:;|$)/i.test(
    contentType,
  );
}
