import { UNKNOWN_CONTENT_TYPE } from '../body/index.js';
import { WxCloudStorageError } from '../errors/index.js';
import { isTransientStatus, toTarget, type HttpAnswer } from '../transport/index.js';
import {
  decodeCosError,
  decodeEtag,
  isMessage,
  isStrongEtag,
  isTransientCosCode,
  type CosError,
} from '../wire/index.js';
import { repeat } from './repeat.js';
import type { StorageContext } from './storage-context.js';

/** What the headers of an object say. */
export interface CloudFileStat {
  /** The file ID. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /** How many bytes it has. */
  readonly size: number;
  /** Its media type. */
  readonly contentType: string;
  /**
   * The encoding that a browser undoes before it reads the file, e.g. `gzip`; undefined for none.
   * Size, ETag and content are always those of the encoded bytes, as they are stored.
   */
  readonly contentEncoding: string | undefined;
  /** The MD5 of its content for plain uploads, without quotes; empty when the storage names none. */
  readonly etag: string;
  /** When it was stored, to the second; undefined when the storage does not say. */
  readonly lastModified: Date | undefined;
}

/** One reading of an object, or of its headers only. */
export interface FetchObjectCall {
  /** The object. */
  readonly fileId: string;
  /** `HEAD` for the headers only. */
  readonly method: 'GET' | 'HEAD';
  /** The part that is wanted, and what it has to be a part of. @defaultValue the whole object */
  readonly headers?: { readonly range: string; readonly 'if-range'?: string } | undefined;
  /** Ends the call, and the reading of its body. */
  readonly signal: AbortSignal;
}

/** An object whose headers are there. */
export interface FetchedObject {
  /** The file ID. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /** The answer with the body, 200 or, to a part only, 206; has to be read to its end or discarded. */
  readonly answer: HttpAnswer;
}

/** How long the links live that are used at once. */
const LINK_AGE_SECONDS = 600;
const MAX_ERROR_BYTES = 65_536;

/**
 * Asks for a link and reads the object behind it. A transient failure is repeated with a fresh link; a link that is
 * refused as expired is renewed once.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID`, `WX_CLOUD_FILE_NOT_FOUND`, `WX_CLOUD_RANGE_UNSATISFIABLE`, `WX_CLOUD_DOWNLOAD_FAILED`, …
 */
export async function fetchObject(
  context: StorageContext,
  call: FetchObjectCall,
): Promise<FetchedObject> {
  const { fileId, cloudPath } = context.bucket.accept(call.fileId);
  let isRenewed = false;
  const work = async (): Promise<HttpAnswer> => {
    for (;;) {
      const { answer, document } = await attempt(context, call);
      if (isWanted(answer, call)) {
        assertObject(answer, fileId);
        return answer;
      }
      if (isRenewed || !isExpired(answer, document)) throw toReadError(answer, document, call);
      isRenewed = true;
    }
  };
  return { fileId, cloudPath, answer: await repeat(context, { work, signal: call.signal }) };
}

interface Attempt {
  readonly answer: HttpAnswer;
  /** What the storage says is wrong, if it says so. */
  readonly document: CosError | undefined;
}

async function attempt(context: StorageContext, call: FetchObjectCall): Promise<Attempt> {
  const { fileId, method, headers, signal } = call;
  const link = await context.links.fetch({ fileId, maxAgeSeconds: LINK_AGE_SECONDS }, signal);
  const url = new URL(link);
  const answer = await context.transport.send({
    endpoint: `${method} object`,
    method,
    target: toTarget(url),
    // Compressed by a CDN, the answer would say neither the object's size nor its ETag.
    headers: { 'accept-encoding': 'identity', ...headers },
    signal,
    secrets: [...url.searchParams.values()],
  });
  if (isWanted(answer, call)) return { answer, document: undefined };
  return { answer, document: decodeCosError(await answer.readText(MAX_ERROR_BYTES)) };
}

function isWanted({ status }: HttpAnswer, { headers }: FetchObjectCall): boolean {
  return status === 200 || (status === 206 && headers !== undefined);
}

const OBJECT_HEADERS = ['last-modified', 'x-cos-request-id', 'x-cos-hash-crc64ecma'] as const;

/**
 * Makes sure that a 200 is not a page or JSON of something in between, such as a login page.
 * Storage and CDN name an ETag or the time of the last change for every object; a page that a
 * server makes has neither, or a weak ETag.
 */
function assertObject(answer: HttpAnswer, fileId: string): void {
  if (!isMessage(answer.header('content-type') ?? '')) return;
  const isObject =
    isStrongEtag(answer.header('etag')) ||
    OBJECT_HEADERS.some(name => answer.header(name) !== undefined);
  if (isObject) return;
  answer.discard();
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `The answer for ${fileId} is a page, not the file. Check any proxy or gateway between.`,
    retryable: true,
    endpoint: 'GET object',
    upstreamStatus: answer.status,
  });
}

function isExpired({ status }: HttpAnswer, document: CosError | undefined): boolean {
  return status === 403 && /expired/i.test(document?.message ?? '');
}

/** Reads what the headers of a whole object say. @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when they name no size */
export function readStat(fetched: FetchedObject): CloudFileStat {
  const size = Number(fetched.answer.header('content-length') ?? Number.NaN);
  if (!Number.isSafeInteger(size)) throw malformedAnswer(fetched, 'does not say its size');
  return describeObject(fetched, size);
}

/** What the headers of an object of known size say. */
export function describeObject(
  { fileId, cloudPath, answer }: FetchedObject,
  size: number,
): CloudFileStat {
  const modifiedMs = Date.parse(answer.header('last-modified') ?? '');
  return {
    fileId,
    cloudPath,
    size,
    contentType: answer.header('content-type') ?? UNKNOWN_CONTENT_TYPE,
    contentEncoding: readContentEncoding(answer),
    etag: decodeEtag(answer.header('etag')),
    lastModified: Number.isNaN(modifiedMs) ? undefined : new Date(modifiedMs),
  };
}

function readContentEncoding(answer: HttpAnswer): string | undefined {
  const encoding = answer.header('content-encoding')?.trim().toLowerCase() ?? '';
  return encoding === '' || encoding === 'identity' ? undefined : encoding;
}

/** The error for an answer that makes no sense; gives its body up. */
export function malformedAnswer(
  { fileId, answer }: Pick<FetchedObject, 'fileId' | 'answer'>,
  problem: string,
): WxCloudStorageError {
  answer.discard();
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `The answer for ${fileId} ${problem}. Check any proxy between.`,
    endpoint: 'GET object',
  });
}

function toReadError(
  answer: HttpAnswer,
  document: CosError | undefined,
  { method, fileId }: FetchObjectCall,
): WxCloudStorageError {
  const { status } = answer;
  const endpoint = `${method} object`;
  const said = `HTTP ${status}${document === undefined ? '' : ` ${document.code}`}`;
  return new WxCloudStorageError({
    code: CODES[status] ?? 'WX_CLOUD_DOWNLOAD_FAILED',
    message: `${endpoint}: reading ${fileId} failed with ${said}. ${ADVICE[status] ?? 'Try again later.'}`,
    retryable: isTransientStatus(status) || isTransientCosCode(document?.code ?? ''),
    endpoint,
    requestId: answer.header('x-cos-request-id') ?? document?.requestId,
    upstreamStatus: status,
  });
}

const CODES: Readonly<Record<number, WxCloudStorageError['code']>> = {
  404: 'WX_CLOUD_FILE_NOT_FOUND',
  416: 'WX_CLOUD_RANGE_UNSATISFIABLE',
};

const ADVICE: Readonly<Record<number, string>> = {
  403: "Check the file's permissions, and that this machine has the right time.",
  404: 'The file is gone: upload it again.',
  416: 'Ask for a part that the file has.',
  451: 'Content review has blocked it.',
};
