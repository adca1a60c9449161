import { WxCloudStorageError } from '../errors/errors.js';
import type { StreamedResponse } from '../transport/response-handlers.js';

/** The headers of a response. */
type ResponseHeaders = Pick<StreamedResponse, 'header' | 'headerNames'>;

/** Properties that are stored with an object, and returned with it. */
export interface ObjectProperties {
  /**
   * Texts of the application by name, e.g. `{ 'order-id': '42' }`. Names have letters, digits and
   * `-`, and are stored in lower case; `fileid` is reserved. A text has 2048 bytes at most, all
   * together with their names 4096. Characters other than those of ASCII are stored
   * percent-encoded.
   * @defaultValue none
   * @see https://cloud.tencent.com/document/product/436/7749
   */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /**
   * The header `Cache-Control` of its downloads, e.g. `max-age=3600`.
   * @defaultValue none
   */
  readonly cacheControl?: string | undefined;
  /**
   * The header `Content-Disposition` of its downloads, e.g. `attachment; filename="report.pdf"`.
   * @defaultValue none
   */
  readonly contentDisposition?: string | undefined;
}

/** The beginning of the headers that hold metadata. */
export const METADATA_PREFIX = 'x-cos-meta-';
/** The header of the signed file ID, without which a file ID is dead. */
export const FILE_ID_HEADER = `${METADATA_PREFIX}fileid`;
const NAME = /^[a-z\d-]+$/i;
/** Maximum size of one text, and of a header. */
const MAX_TEXT_BYTES = 2_048;
/** Maximum size of all metadata with their names. */
const MAX_METADATA_BYTES = 4_096;
/** Characters that are stored percent-encoded. */
const ENCODED = /[^\u0020-\u0024\u0026-\u007e]/gu;

/**
 * Returns the headers that store properties.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`
 */
export function toPropertyHeaders({
  metadata = {},
  cacheControl,
  contentDisposition,
}: ObjectProperties): Readonly<Record<string, string>> {
  return {
    ...toMetadataHeaders(metadata),
    ...toHeader('cacheControl', 'cache-control', cacheControl),
    ...toHeader('contentDisposition', 'content-disposition', contentDisposition),
  };
}

function toMetadataHeaders(
  metadata: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string>> {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw invalid("metadata must be an object of texts, e.g. { 'order-id': '42' }.");
  }
  const headers: Record<string, string> = {};
  let bytes = 0;
  for (const [given, text] of Object.entries(metadata)) {
    const name = `${METADATA_PREFIX}${given.toLowerCase()}`;
    const problem = findProblem(given, text) ?? (name in headers ? 'appears twice' : undefined);
    if (problem !== undefined) throw invalid(`metadata: the name ${quote(given)} ${problem}.`);
    const encoded = encodeText(text as string);
    bytes += given.length + encoded.length;
    if (encoded.length > MAX_TEXT_BYTES) {
      throw invalid(`metadata: the text of ${quote(given)} takes ${moreThan(MAX_TEXT_BYTES)}.`);
    }
    headers[name] = encoded;
  }
  if (bytes <= MAX_METADATA_BYTES) return headers;
  throw invalid(`metadata: all names and texts together take ${moreThan(MAX_METADATA_BYTES)}.`);
}

/** Finds the problem of an entry, as the end of a sentence about its name. */
function findProblem(name: string, text: unknown): string | undefined {
  if (!NAME.test(name)) return 'has characters other than letters, digits and hyphens';
  if (`${METADATA_PREFIX}${name.toLowerCase()}` === FILE_ID_HEADER) return 'is reserved';
  if (typeof text !== 'string') return 'has a value that is not a string';
  return text.isWellFormed() ? undefined : 'has a text that is not well-formed Unicode';
}

function moreThan(bytes: number): string {
  return `more than ${bytes} bytes after percent-encoding. Keep longer texts in your database`;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

/** Encodes a text for a header, whose spaces at both ends would be lost. */
function encodeText(text: string): string {
  return text
    .replace(ENCODED, encodeURIComponent)
    .replace(/^ +| +$/g, spaces => '%20'.repeat(spaces.length));
}

function toHeader(
  option: string,
  header: string,
  text: unknown,
): Readonly<Record<string, string>> | undefined {
  if (text === undefined) return undefined;
  if (
    typeof text === 'string' &&
    /^[\u0021-\u007e](?:[\u0020-\u007e]*[\u0021-\u007e])?$/.test(text)
  ) {
    if (text.length <= MAX_TEXT_BYTES) return { [header]: text };
  }
  throw invalid(
    `${option} must be the value of the header ${header}: 1 to ${MAX_TEXT_BYTES} characters of ASCII. Encode others, e.g. filename*=UTF-8''%E7%8C%AB.png.`,
  );
}

function invalid(message: string): WxCloudStorageError {
  return new WxCloudStorageError({ code: 'WX_CLOUD_ARGUMENT_INVALID', message });
}

/** Returns the properties that are stored with an object, from the headers of its response. */
export function readProperties({
  header,
  headerNames,
}: ResponseHeaders): ObjectProperties & Required<Pick<ObjectProperties, 'metadata'>> {
  const entries = headerNames()
    .filter(name => name.startsWith(METADATA_PREFIX) && name !== FILE_ID_HEADER)
    .map(name => [name.slice(METADATA_PREFIX.length), decodeText(header(name) ?? '')] as const);
  return {
    metadata: Object.fromEntries(entries),
    cacheControl: header('cache-control'),
    contentDisposition: readDisposition(header),
  };
}

/** Returns the stored `Content-Disposition`: COS sends one of its own over its own domains. */
export function readDisposition(header: ResponseHeaders['header']): string | undefined {
  const disposition = header('content-disposition');
  const isForced = header('x-cos-force-download') !== undefined && disposition === 'attachment';
  return isForced ? undefined : disposition;
}

/** Decodes a text; one of another writer may not be encoded. */
function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
