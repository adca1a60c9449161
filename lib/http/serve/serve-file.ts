import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StreamableFile } from '@nestjs/common';
import { UNKNOWN_CONTENT_TYPE } from '../../body/content-type.js';
import { toServedType } from '../../body/served-type.js';
import { WxCloudStorageError } from '../../errors/errors.js';
import type { WxCloudByteRange } from '../../storage/call-options.js';
import type { WxCloudDownload } from '../../storage/download.js';
import type { WxCloudFileStat } from '../../storage/read-object.js';
import type { WxCloudFileSource } from '../../storage/wx-cloud-file.js';
import {
  evaluateConditions,
  hasConditions,
  isRangeCurrent,
  parseRange,
  quote,
  resolveRange,
  type WantedRange,
} from './conditional-requests.js';
import { decodeBody, formatDisposition, toEncodingHeader } from './content-headers.js';
import {
  assertServedFileOptions,
  rawOf,
  type WxCloudServedFileOptions,
  type WxCloudServeOptions,
  takeOver,
} from './serve-options.js';

const DEFAULT_CACHE_CONTROL = 'private, no-cache';
/** For content that may hold scripts and is shown nevertheless. */
const SANDBOX = "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'";

/**
 * Creates a file for a handler to return. It cannot carry the sandbox, so content that may hold
 * scripts is never shown.
 */
export async function toStreamableFile(
  files: WxCloudFileSource,
  fileId: string,
  { signal, timeoutMs, ...options }: WxCloudServedFileOptions,
): Promise<StreamableFile> {
  assertServedFileOptions(options);
  const { body, size, ...file } = await files.download(fileId, { signal, timeoutMs });
  const { contentEncoding } = file;
  const decoded = contentEncoding === undefined ? body : decodeBody(body, contentEncoding);
  // A `StreamableFile` cannot tell a browser that the bytes are encoded.
  const contentType =
    decoded === undefined ? UNKNOWN_CONTENT_TYPE : (options.contentType ?? file.contentType);
  const isShown = toServedType(contentType).kind === 'shown';
  const disposition = isShown ? options.disposition : 'attachment';
  const headers = describe({ contentType }, { fileName: options.fileName, disposition });
  return new StreamableFile(decoded ?? body, {
    type: String(headers['content-type']),
    disposition: String(headers['content-disposition']),
    // The decoded length is not known.
    ...(decoded === undefined || decoded === body ? { length: size } : {}),
  });
}

/** Responds to a request with a file, or with a redirect to it. */
export async function respondWithFile(
  files: WxCloudFileSource,
  fileId: string,
  options: WxCloudServeOptions,
): Promise<void> {
  assertServedFileOptions(options);
  const disconnected = new AbortController();
  const raw = rawOf(options.response);
  const given = options.signal === undefined ? [] : [options.signal];
  const signal = AbortSignal.any([disconnected.signal, ...given]);
  const response = new FileResponse(files, fileId, { ...options, signal });
  const onClose = (): void => {
    // First, as a reader who leaves is no failure, unlike an aborted download.
    response.leave();
    disconnected.abort(new Error('The client has disconnected.'));
  };
  raw.once('close', onClose);
  try {
    await response.send();
  } catch (error) {
    // Errors after the client has disconnected are dropped, except failures of the storage.
    const hasFailed = error instanceof WxCloudStorageError && !isAborted(error);
    if (hasFailed || !disconnected.signal.aborted || options.signal?.aborted === true) throw error;
  } finally {
    raw.off('close', onClose);
  }
}

function isAborted({ code }: WxCloudStorageError): boolean {
  return code === 'WX_CLOUD_REQUEST_ABORTED';
}

/** One response. Nothing is sent before its status is known. */
class FileResponse {
  readonly #files: WxCloudFileSource;
  readonly #fileId: string;
  readonly #options: WxCloudServeOptions;
  /** The content; undefined before its download has started. */
  #body: Readable | undefined;

  constructor(files: WxCloudFileSource, fileId: string, options: WxCloudServeOptions) {
    this.#files = files;
    this.#fileId = fileId;
    this.#options = options;
  }

  async send(): Promise<void> {
    const { request, redirect = false } = this.#options;
    const range = request.method === 'GET' ? parseRange(request.headers.range) : undefined;
    if (redirect !== false) return this.#redirect(redirect === true ? {} : redirect);
    const needsState = request.method === 'HEAD' || hasConditions(request.headers);
    if (needsState || (range !== undefined && 'lastBytes' in range))
      return this.#sendByState(range);
    return this.#sendBytes(range);
  }

  /** Ends the download that has started. */
  leave(): void {
    this.#body?.destroy();
  }

  async #redirect(
    link: Exclude<WxCloudServeOptions['redirect'], boolean | undefined>,
  ): Promise<void> {
    const { cacheControl = 'no-store' } = this.#options;
    const location = await this.#files.getDownloadUrl(this.#fileId, { ...link, ...this.#call() });
    this.#end(302, { location, 'cache-control': cacheControl });
  }

  /** Fetches the state of the file first. */
  async #sendByState(range: WantedRange | undefined): Promise<void> {
    const { method, headers } = this.#options.request;
    const stat = await this.#files.stat(this.#fileId, this.#call());
    const status = evaluateConditions(headers, stat);
    if (status !== undefined) {
      const encoded = status === 304 ? encodingHeaders(stat) : {};
      return this.#end(status, { ...stateHeaders(stat, this.#options), ...encoded });
    }
    if (method === 'HEAD') return this.#end(200, wholeHeaders(stat, stat.size, this.#options));
    const isWanted = range !== undefined && isRangeCurrent(headers, stat);
    if (!isWanted) return this.#sendBytes(undefined);
    const resolved = resolveRange(range, stat.size);
    return resolved === undefined ? this.#refuseRange(stat) : this.#sendBytes(resolved);
  }

  async #sendBytes(range: WxCloudByteRange | undefined): Promise<void> {
    const call = { ...this.#call(), range };
    const download = await this.#files.download(this.#fileId, call).catch((error: unknown) => {
      if (isUnsatisfiable(error)) return undefined;
      throw error;
    });
    if (download === undefined) {
      return this.#refuseRange(await this.#files.stat(this.#fileId, this.#call()));
    }
    const { body, size, start, totalSize } = download;
    this.#body = body;
    if (range !== undefined && size === 0) {
      body.destroy();
      return this.#refuseRange({ size: totalSize });
    }
    const headers = wholeHeaders(download, size, this.#options);
    if (range !== undefined) {
      headers['content-range'] = `bytes ${start}-${start + size - 1}/${totalSize}`;
    }
    const status = range === undefined ? 200 : 206;
    // Closes the connection when the download fails, so that the client does not take a part for
    // the whole.
    await pipeline(body, this.#takeOver(status, headers, body));
  }

  #refuseRange({ size }: Pick<WxCloudFileStat, 'size'>): void {
    this.#end(416, { 'content-range': `bytes */${size}`, 'content-length': 0 });
  }

  #end(status: number, headers: OutgoingHttpHeaders): void {
    takeOver(this.#options.response, status, headers).end();
  }

  /** Releases the file when the response cannot be started. */
  #takeOver(status: number, headers: OutgoingHttpHeaders, body: Readable): ServerResponse {
    try {
      return takeOver(this.#options.response, status, headers);
    } catch (error) {
      // With the error, as this is a failure, and no reader who left. It has no listener yet.
      body.once('error', () => {});
      body.destroy(error as Error);
      throw error;
    }
  }

  #call(): Pick<WxCloudServeOptions, 'signal' | 'timeoutMs'> {
    const { signal, timeoutMs } = this.#options;
    return { signal, timeoutMs };
  }
}

type ServedState = Pick<
  WxCloudFileStat,
  'contentType' | 'contentEncoding' | 'etag' | 'lastModified'
>;

function wholeHeaders(
  file: ServedState | WxCloudDownload,
  size: number,
  options: WxCloudServeOptions,
): OutgoingHttpHeaders {
  return {
    ...stateHeaders(file, options),
    ...describe(file, options),
    ...encodingHeaders(file),
    'accept-ranges': 'bytes',
    'content-length': size,
  };
}

function stateHeaders(
  { etag, lastModified }: ServedState,
  { cacheControl = DEFAULT_CACHE_CONTROL }: WxCloudServeOptions,
): OutgoingHttpHeaders {
  return {
    'cache-control': cacheControl,
    ...(etag === '' ? {} : { etag: quote(etag) }),
    'last-modified': lastModified?.toUTCString(),
  };
}

/** The bytes are sent as they are stored, so ranges and conditions refer to the encoded bytes. */
function encodingHeaders({ contentEncoding }: ServedState): OutgoingHttpHeaders {
  return { 'content-encoding': toEncodingHeader(contentEncoding) };
}

function describe(
  file: Pick<WxCloudFileStat, 'contentType'>,
  { contentType = file.contentType, fileName, disposition }: WxCloudServedFileOptions,
): OutgoingHttpHeaders {
  const { kind, contentType: type } = toServedType(contentType);
  const chosen = disposition ?? (kind === 'shown' ? 'inline' : 'attachment');
  return {
    'content-type': kind === 'active' && chosen === 'attachment' ? UNKNOWN_CONTENT_TYPE : type,
    'content-disposition': formatDisposition(chosen, fileName),
    'x-content-type-options': 'nosniff',
    ...(kind === 'shown' ? {} : { 'content-security-policy': SANDBOX }),
  };
}

function isUnsatisfiable(error: unknown): boolean {
  return error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_RANGE_UNSATISFIABLE';
}
