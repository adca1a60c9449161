import { UNKNOWN_CONTENT_TYPE } from '../body/content-type.js';
import { WxCloudStorageError } from '../errors/errors.js';
import type { ParsedFileId } from '../file-id/file-id.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import { retry } from '../operations/retry.js';
import type { StreamedResponse } from '../transport/response-handlers.js';
import { isTransient } from '../wechat/api-errors.js';
import type { WxCloudByteRange } from './call-options.js';
import { decodeEtag } from './cos/cos-error.js';
import { getObject, type GetObjectOutcome, type GetObjectRequest } from './cos/get-object.js';
import { callBucket, tryBucket } from './direct-access.js';
import { readProperties } from './object-properties.js';
import type { StorageContext } from './storage-context.js';

/** Metadata of a file. */
export interface WxCloudFileStat {
  /** The file ID. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /** Size in bytes. */
  readonly size: number;
  /** The media type. */
  readonly contentType: string;
  /**
   * The content encoding, which a browser decodes, e.g. `gzip`; undefined for none. Size, ETag and
   * content are always those of the encoded bytes, as they are stored.
   */
  readonly contentEncoding: string | undefined;
  /**
   * The MD5 of the content for plain uploads, without quotes; empty when the storage returns none.
   */
  readonly etag: string;
  /** The time of the upload, to the second; undefined when unknown. */
  readonly lastModified: Date | undefined;
  /**
   * The texts that the application stored with the file, by names in lower case. Like the next two,
   * undefined where the file was read through a link, as without the option `cos`.
   */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The header `Cache-Control` stored with the file. */
  readonly cacheControl?: string | undefined;
  /** The header `Content-Disposition` stored with the file. */
  readonly contentDisposition?: string | undefined;
}

/** An object whose headers have arrived. */
export interface FetchedObject {
  /** The file ID. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /** The response with the body: 200, or 206 for a part. Has to be read to its end or discarded. */
  readonly response: StreamedResponse;
  /** True when the bucket has responded itself, without a CDN in between. */
  readonly isDirect: boolean;
}

/** A part of an object, or all of it, in a response. */
export interface ObjectPart {
  /** Metadata of the whole object. */
  readonly stat: WxCloudFileStat;
  /** Position of the first byte. */
  readonly start: number;
  /** Position after the last byte. */
  readonly end: number;
  /**
   * Number of bytes before the part in the response, where the storage returned more than
   * requested.
   */
  readonly skippedBytes: number;
  /**
   * The validator for `If-Range`, which identifies the object in later responses; undefined when
   * missing.
   */
  readonly validator: string | undefined;
}

/** Lifetime of links for immediate use, in seconds. */
const LINK_AGE_SECONDS = 600;

/** Returns the `Range` header for a part; undefined for a whole object. */
export function toRangeHeader(
  range: WxCloudByteRange | undefined,
): { readonly range: string } | undefined {
  const { start = 0, end } = range ?? {};
  if (start === 0 && end === undefined) return undefined;
  return { range: `bytes=${start}-${end ?? ''}` };
}

/**
 * Reads the part of an object in a response, and checks that it is the requested one. The storage
 * may return the whole object instead.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED`; `WX_CLOUD_RANGE_UNSATISFIABLE`
 */
export function readPart(fetched: FetchedObject, range: WxCloudByteRange | undefined): ObjectPart {
  const { start = 0, end: last = Infinity } = range ?? {};
  const isPart = fetched.response.status === 206;
  const given = isPart ? readContentRange(fetched) : wholeOf(fetched);
  const { stat } = given;
  const end = Math.min(last + 1, stat.size);
  if (start > 0 && start >= stat.size) throw unsatisfiable(fetched);
  if (isPart && (given.start !== start || given.end !== end)) {
    throw malformedResponse(fetched, 'contains another part than requested');
  }
  const skippedBytes = start - given.start;
  return { stat, start, end, skippedBytes, validator: readValidator(fetched) };
}

type GivenRange = Pick<ObjectPart, 'stat' | 'start' | 'end'>;

function wholeOf(fetched: FetchedObject): GivenRange {
  const stat = readStat(fetched);
  return { stat, start: 0, end: stat.size };
}

function readContentRange(fetched: FetchedObject): GivenRange {
  const header = fetched.response.header('content-range') ?? '';
  const [first, last, total] = (/^bytes (\d+)-(\d+)\/(\d+)$/.exec(header) ?? []).slice(1);
  const size = Number(total ?? Number.NaN);
  if (!Number.isSafeInteger(size)) {
    throw malformedResponse(fetched, 'does not say which part of the file it contains');
  }
  return { stat: describeObject(fetched, size), start: Number(first), end: Number(last) + 1 };
}

/**
 * Reads the validator. A weak ETag does not identify the bytes.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
 */
function readValidator({ response }: FetchedObject): string | undefined {
  const etag = response.header('etag') ?? '';
  return /^"[^"]+"$/.test(etag) ? etag : response.header('last-modified');
}

function unsatisfiable({ fileId, response }: FetchedObject): WxCloudStorageError {
  response.discard();
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RANGE_UNSATISFIABLE',
    message: `GET object: ${fileId} ends before the requested range. Request a range within the file.`,
    endpoint: 'GET object',
  });
}

/**
 * Reads the headers of a whole object.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when they name no size
 */
function readStat(fetched: FetchedObject): WxCloudFileStat {
  const size = Number(fetched.response.header('content-length') ?? Number.NaN);
  if (!Number.isSafeInteger(size)) throw malformedResponse(fetched, 'does not say its size');
  return describeObject(fetched, size);
}

/** Returns the metadata of an object of known size. */
function describeObject(
  { fileId, cloudPath, response, isDirect }: FetchedObject,
  size: number,
): WxCloudFileStat {
  const modifiedMs = Date.parse(response.header('last-modified') ?? '');
  return {
    fileId,
    cloudPath,
    size,
    contentType: response.header('content-type') ?? UNKNOWN_CONTENT_TYPE,
    contentEncoding: readContentEncoding(response),
    etag: decodeEtag(response.header('etag')),
    lastModified: Number.isNaN(modifiedMs) ? undefined : new Date(modifiedMs),
    ...(isDirect ? readProperties(response) : {}),
  };
}

function readContentEncoding(response: StreamedResponse): string | undefined {
  const encoding = response.header('content-encoding')?.trim().toLowerCase() ?? '';
  return encoding === '' || encoding === 'identity' ? undefined : encoding;
}

/** The error for an invalid response; discards its body. */
function malformedResponse(
  { fileId, response }: Pick<FetchedObject, 'fileId' | 'response'>,
  problem: string,
): WxCloudStorageError {
  response.discard();
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `The response for ${fileId} ${problem}. Check any proxy in between.`,
    endpoint: 'GET object',
  });
}

/**
 * Checks a range.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`
 */
export function assertRange(range: WxCloudByteRange | undefined): void {
  const { start = 0, end = start } = range ?? {};
  const isRange = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (isRange && start >= 0 && end >= start) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      'range must be { start, end } in whole bytes from 0, with end not less than start. Leave it out for the whole file.',
  });
}

/** One request for an object, or for its headers only. */
type FetchObjectCall = Omit<GetObjectRequest, 'url'>;

/**
 * Requests an object from the bucket, where it is accessible, and else through a link.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID`, `WX_CLOUD_FILE_NOT_FOUND`,
 * `WX_CLOUD_RANGE_UNSATISFIABLE`, `WX_CLOUD_DOWNLOAD_FAILED`, …
 */
export async function fetchObject(
  context: StorageContext,
  call: FetchObjectCall,
): Promise<FetchedObject> {
  const { fileId, cloudPath } = context.fileIdScope.parse(call.fileId);
  const { method, headers, signal } = call;
  const direct = await tryBucket(context, {
    right: method === 'HEAD' ? 'head' : 'get',
    send: ({ bucket }) => bucket.getObject({ key: cloudPath, method, headers, signal }),
    signal,
  });
  if (direct !== undefined) return { fileId, cloudPath, response: direct.result, isDirect: true };
  const response = await fetchByLink(context, { ...call, fileId });
  return { fileId, cloudPath, response, isDirect: false };
}

/**
 * Requests a link and then the object. A transient failure is repeated with a fresh link. A link
 * that is refused as expired is renewed once.
 */
async function fetchByLink(
  { links, transport, options }: StorageContext,
  call: FetchObjectCall,
): Promise<StreamedResponse> {
  const { fileId, signal } = call;
  let isRenewed = false;
  const readOnce = async (): Promise<GetObjectOutcome> => {
    const link = await links.fetch(fileId, LINK_AGE_SECONDS, signal);
    return getObject(transport, { ...call, url: new URL(link) });
  };
  const work = async (): Promise<StreamedResponse> => {
    let outcome = await readOnce();
    if (!outcome.isFound && outcome.isLinkExpired && !isRenewed) {
      isRenewed = true;
      outcome = await readOnce();
    }
    if (!outcome.isFound) throw outcome.error;
    return outcome.response;
  };
  return retry(work, options.retry, signal, isTransient);
}

/**
 * Reads the metadata of an object at the bucket itself, for something that `needed` names.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_UNSUPPORTED` where the bucket is not accessible
 */
export async function statDirectly(
  context: StorageContext,
  { fileId, cloudPath }: ParsedFileId,
  needed: string,
  signal: AbortSignal,
): Promise<{
  readonly stat: WxCloudFileStat;
  /** All headers of the response. */
  readonly headers: Pick<StreamedResponse, 'header' | 'headerNames'>;
}> {
  const response = await callBucket(context, {
    needed,
    right: 'head',
    send: ({ bucket }) => bucket.getObject({ key: cloudPath, method: 'HEAD', signal }),
    signal,
  });
  response.discard();
  return { stat: readStat({ fileId, cloudPath, response, isDirect: true }), headers: response };
}

/** Reads the metadata of an object. */
export async function statObject(
  context: StorageContext,
  fileId: string,
  options: WxCloudCallOptions,
): Promise<WxCloudFileStat> {
  return context.operations.run('reading headers', options, async signal => {
    const fetched = await fetchObject(context, { fileId, method: 'HEAD', signal });
    fetched.response.discard();
    return readStat(fetched);
  });
}

/** True when the object exists. */
export async function objectExists(
  context: StorageContext,
  fileId: string,
  options: WxCloudCallOptions,
): Promise<boolean> {
  return context.operations.run('reading headers', options, async signal => {
    try {
      (await fetchObject(context, { fileId, method: 'HEAD', signal })).response.discard();
      return true;
    } catch (error) {
      if (error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_FILE_NOT_FOUND')
        return false;
      throw error;
    }
  });
}
