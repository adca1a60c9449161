import { UNKNOWN_CONTENT_TYPE } from '../body/content-type.js';
import { WxCloudStorageError } from '../errors/errors.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import { retry } from '../operations/retry.js';
import type { StreamedResponse } from '../transport/response-handlers.js';
import { isTransient } from '../wechat/api-errors.js';
import type { WxCloudByteRange } from './call-options.js';
import { decodeEtag } from './cos/cos-error.js';
import { getObject, type GetObjectOutcome, type GetObjectRequest } from './cos/get-object.js';
import type { StorageContext } from './storage-context.js';

/** What the headers of an object say. */
export interface WxCloudFileStat {
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
  /**
   * The MD5 of its content for plain uploads, without quotes; empty when the storage names none.
   */
  readonly etag: string;
  /** When it was stored, to the second; undefined when the storage does not say. */
  readonly lastModified: Date | undefined;
}

/** An object whose headers are there. */
export interface FetchedObject {
  /** The file ID. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /**
   * The answer with the body, 200 or, to a part only, 206; has to be read to its end or discarded.
   */
  readonly response: StreamedResponse;
}

/** A part of an object, or all of it, that an answer is about to give. */
export interface ObjectPart {
  /** What the headers say of the whole object. */
  readonly stat: WxCloudFileStat;
  /** The first byte. */
  readonly start: number;
  /** The byte after the last one. */
  readonly end: number;
  /**
   * How many bytes of the answer come before the part, where the storage gave more than was asked
   * for.
   */
  readonly skippedBytes: number;
  /**
   * What tells later answers whether the object is still the same, for `If-Range`; undefined when
   * nothing does.
   */
  readonly validator: string | undefined;
}

/** How long the links live that are used at once. */
const LINK_AGE_SECONDS = 600;

/** The `Range` header for a part; undefined for a whole object. */
export function toRangeHeader(
  range: WxCloudByteRange | undefined,
): { readonly range: string } | undefined {
  const { start = 0, end } = range ?? {};
  if (start === 0 && end === undefined) return undefined;
  return { range: `bytes=${start}-${end ?? ''}` };
}

/**
 * Reads which part of an object an answer gives, and makes sure that it is the one that was asked
 * for. A storage may give the whole object instead.
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
    throw malformedResponse(fetched, 'gives another part than was asked for');
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
    throw malformedResponse(fetched, 'does not say which part of the file it is');
  }
  return { stat: describeObject(fetched, size), start: Number(first), end: Number(last) + 1 };
}

/**
 * A weak ETag says nothing of the bytes.
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
    message: `GET object: ${fileId} ends before the part that was asked for. Ask for a part that the file has.`,
    endpoint: 'GET object',
  });
}

/**
 * Reads what the headers of a whole object say.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when they name no size
 */
function readStat(fetched: FetchedObject): WxCloudFileStat {
  const size = Number(fetched.response.header('content-length') ?? Number.NaN);
  if (!Number.isSafeInteger(size)) throw malformedResponse(fetched, 'does not say its size');
  return describeObject(fetched, size);
}

/** What the headers of an object of known size say. */
function describeObject(
  { fileId, cloudPath, response }: FetchedObject,
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
  };
}

function readContentEncoding(response: StreamedResponse): string | undefined {
  const encoding = response.header('content-encoding')?.trim().toLowerCase() ?? '';
  return encoding === '' || encoding === 'identity' ? undefined : encoding;
}

/** The error for an answer that makes no sense; gives its body up. */
function malformedResponse(
  { fileId, response }: Pick<FetchedObject, 'fileId' | 'response'>,
  problem: string,
): WxCloudStorageError {
  response.discard();
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `The answer for ${fileId} ${problem}. Check any proxy between.`,
    endpoint: 'GET object',
  });
}

/**
 * Makes sure that a range is one.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`
 */
export function assertRange(range: WxCloudByteRange | undefined): void {
  const { start = 0, end = start } = range ?? {};
  const isRange = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (isRange && start >= 0 && end >= start) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      'range must be { start, end } in whole bytes from 0, with end not before start. Leave it out for the whole file.',
  });
}

/** One reading of an object, or of its headers only. */
type FetchObjectCall = Omit<GetObjectRequest, 'url'>;

/**
 * Asks for a link and reads the object behind it. A transient failure is repeated with a fresh
 * link; a link that is refused as expired is renewed once.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID`, `WX_CLOUD_FILE_NOT_FOUND`,
 * `WX_CLOUD_RANGE_UNSATISFIABLE`, `WX_CLOUD_DOWNLOAD_FAILED`, …
 */
export async function fetchObject(
  { fileIdScope, links, transport, options }: StorageContext,
  call: FetchObjectCall,
): Promise<FetchedObject> {
  const { fileId, cloudPath } = fileIdScope.parse(call.fileId);
  const { signal } = call;
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
  return { fileId, cloudPath, response: await retry(work, options.retry, signal, isTransient) };
}

/** What the headers of an object say. */
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

/** True when there is such an object. */
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
