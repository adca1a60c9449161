import { randomBytes } from 'node:crypto';
import { statusOfCosCode } from '../state/refusals.js';

/** The response to a request. */
export interface EmulatedResponse {
  /** The HTTP status. */
  readonly status: number;
  /** All headers except `Date`, including `Content-Length`. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body; not sent in response to `HEAD`. */
  readonly body: Buffer | AsyncIterable<Buffer>;
  /** The `errcode` in the body, if it is not 0. */
  readonly errcode?: number;
  /** The `<Code>` in the body. */
  readonly cosCode?: string;
  /** True if the head is sent at once, and the body waits in place of the response. */
  readonly isEarly?: true;
  /** True for a response of the sidecar that does not come from the platform; otherwise absent. */
  readonly isUnrelayed?: true;
  /** Releases the resources of the body. Called once, even if the body was not read. */
  readonly release?: () => Promise<void>;
}

/** The members of an XML error document. */
interface CosErrorParts {
  /** The `<Code>`. */
  readonly cosCode: string;
  /** The `<Message>`. */
  readonly message: string;
  /** The `<Resource>`: bucket and path, without a query. */
  readonly resource: string;
  /**
   * The HTTP status.
   * @defaultValue the documented status of the code
   */
  readonly status?: number | undefined;
  /** Additional headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

const EMPTY = Buffer.alloc(0);
const XML_ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Creates a JSON response. */
export function jsonResponse(value: object): EmulatedResponse {
  return textResponse(200, 'application/json; encoding=utf-8', JSON.stringify(value));
}

/** Creates the error response of a JSON endpoint: HTTP 200, with a request ID in the `errmsg`. */
export function apiErrorResponse(errcode: number, message: string): EmulatedResponse {
  const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
  const errmsg = `${message} rid: ${hex(4)}-${hex(4)}-${hex(4)}`;
  return { ...jsonResponse({ errcode, errmsg }), errcode };
}

/** Creates a response with a text body. */
export function textResponse(status: number, contentType: string, text: string): EmulatedResponse {
  const body = Buffer.from(text);
  return {
    status,
    headers: { 'Content-Type': contentType, 'Content-Length': String(body.byteLength) },
    body,
  };
}

/** Creates a response without a body. */
export function emptyResponse(
  status: number,
  headers: Readonly<Record<string, string>> = {},
): EmulatedResponse {
  // RFC 9110: a 204 has no Content-Length, and that of a 304 is the length of the object.
  const length = status === 204 || status === 304 ? {} : { 'Content-Length': '0' };
  return { status, headers: { ...length, ...headers }, body: EMPTY };
}

/** Creates the headers that every response of the object storage has. */
export function cosHeaders(): Record<string, string> {
  return { Server: 'tencent-cos', 'x-cos-request-id': opaqueId() };
}

/**
 * Creates a response with an XML error document.
 * @see https://cloud.tencent.com/document/api/436/7730
 */
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

/** Creates an XML document with one level of elements. */
export function xmlDocument(root: string, members: Readonly<Record<string, string>>): string {
  const lines = Object.entries(members).map(
    ([name, text]) => `\t<${name}>${escapeXml(text)}</${name}>\n`,
  );
  return `<?xml version='1.0' encoding='utf-8' ?>\n<${root}>\n${lines.join('')}</${root}>\n`;
}

/** Escapes a text for XML. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>]/g, character => XML_ENTITIES[character] ?? character);
}

function opaqueId(): string {
  return randomBytes(24).toString('base64');
}
