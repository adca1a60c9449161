import { randomBytes } from 'node:crypto';
import { statusOfCosCode } from '../state/refusals.js';

/** What a request is answered. */
export interface EmulatedResponse {
  /** The HTTP status. */
  readonly status: number;
  /** All headers but `Date`, with `Content-Length`. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body; not sent in answer to `HEAD`. */
  readonly body: Buffer | AsyncIterable<Buffer>;
  /** The `errcode` in the body, when it is not 0. */
  readonly errcode?: number;
  /** The `<Code>` in the body. */
  readonly cosCode?: string;
  /**
   * True for an answer at the sidecar's address that did not come from the platform; else absent.
   */
  readonly isUnrelayed?: true;
  /** Gives up what the body holds open; called once, whether the body was read or not. */
  readonly release?: () => Promise<void>;
}

/** An XML error document. */
interface CosErrorParts {
  /** The `<Code>`. */
  readonly cosCode: string;
  /** The `<Message>`. */
  readonly message: string;
  /** The `<Resource>`: bucket and path, without a query. */
  readonly resource: string;
  /** The HTTP status. @defaultValue the documented one of the code */
  readonly status?: number | undefined;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

const EMPTY = Buffer.alloc(0);
const XML_ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** An answer in JSON. */
export function jsonResponse(value: object): EmulatedResponse {
  return textResponse(200, 'application/json; encoding=utf-8', JSON.stringify(value));
}

/**
 * What a JSON endpoint answers instead of its result: HTTP 200, and an `errmsg` that ends with a
 * request ID.
 */
export function apiErrorResponse(errcode: number, message: string): EmulatedResponse {
  const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
  const errmsg = `${message} rid: ${hex(4)}-${hex(4)}-${hex(4)}`;
  return { ...jsonResponse({ errcode, errmsg }), errcode };
}

/** An answer of plain or marked-up text. */
export function textResponse(status: number, contentType: string, text: string): EmulatedResponse {
  const body = Buffer.from(text);
  return {
    status,
    headers: { 'Content-Type': contentType, 'Content-Length': String(body.byteLength) },
    body,
  };
}

/** An answer without a body. */
export function emptyResponse(
  status: number,
  headers: Readonly<Record<string, string>> = {},
): EmulatedResponse {
  // RFC 9110: a 204 has no Content-Length, a 304 speaks of the object's.
  const length = status === 204 || status === 304 ? {} : { 'Content-Length': '0' };
  return { status, headers: { ...length, ...headers }, body: EMPTY };
}

/** The headers that every answer of the object storage has. */
export function cosHeaders(): Record<string, string> {
  return { Server: 'tencent-cos', 'x-cos-request-id': opaqueId() };
}

/** An XML error document. @see https://cloud.tencent.com/document/api/436/7730 */
export function cosErrorResponse(parts: CosErrorParts): EmulatedResponse {
  const { cosCode, status = statusOfCosCode(cosCode) } = parts;
  const headers = cosHeaders();
  const members = {
    Code: cosCode,
    Message: parts.message,
    Resource: parts.resource,
    RequestId: headers['x-cos-request-id'] ?? '',
    TraceId: opaqueId(),
  };
  const response = textResponse(status, 'application/xml', xmlDocument('Error', members));
  return { ...response, headers: { ...response.headers, ...headers, ...parts.headers }, cosCode };
}

/** A document with one level of elements. */
export function xmlDocument(root: string, members: Readonly<Record<string, string>>): string {
  const lines = Object.entries(members).map(
    ([name, text]) => `\t<${name}>${escapeXml(text)}</${name}>\n`,
  );
  return `<?xml version='1.0' encoding='utf-8' ?>\n<${root}>\n${lines.join('')}</${root}>\n`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>]/g, character => XML_ENTITIES[character] ?? character);
}

function opaqueId(): string {
  return randomBytes(24).toString('base64');
}
