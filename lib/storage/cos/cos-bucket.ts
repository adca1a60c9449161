import { createHash } from 'node:crypto';
import type { BufferedResponse, StreamedResponse } from '../../transport/response-handlers.js';
import {
  decodeDeleteResult,
  decodeObjectPage,
  decodeResultEtag,
  decodeUnfinishedUploads,
  decodeUploadId,
  type ObjectPage,
  type UnfinishedUploadsPage,
} from './bucket-replies.js';
import {
  type BucketRequest,
  type BucketRequests,
  notFromCos,
  type SentRequest,
} from './bucket-requests.js';
import { decodeEtag, isStrongEtag, readCosError, toUploadRejection } from './cos-error.js';
import { escapeXml } from './cos-xml.js';
import { toObjectBody } from './object-body.js';
import {
  contentMd5,
  type ObjectHeaders,
  putObject,
  type PutObjectCall,
  type PutObjectOutcome,
  putPart,
  refusePut,
  RESPONSE_GRACE_MS,
  type ConfirmedPart,
  unanswered,
  type UploadPartCall,
} from './put-object.js';
import { encodeKey } from './signature.js';

/** The most entries of a page. */
const MOST_LISTED = 1_000;
/** Size limit of a list; a key takes up to 850 bytes, its entry about 500 more. */
const MAX_LIST_BYTES = 8_388_608;
/** Least limit between the white spaces that COS sends while it joins parts, in milliseconds. */
const JOINING_IDLE_MS = 60_000;

/** The headers of a stored object. */
export interface ObjectHead {
  /** Number of bytes. */
  readonly size: number;
  /** The ETag without quotes: the MD5 of the content, unless it was uploaded in parts. */
  readonly etag: string;
  /** The time of the last change; undefined when missing. */
  readonly lastModified: Date | undefined;
  /** The media type; undefined when missing. */
  readonly contentType: string | undefined;
  /** Returns any other header, e.g. `x-cos-meta-fileid`. */
  header(name: string): string | undefined;
}

/** The result of a deletion for one key. */
export interface DeletedKey {
  /** The key. */
  readonly key: string;
  /** The reason of a failure; undefined when the object is gone. */
  readonly error: Error | undefined;
}

/**
 * The operations of one bucket. Each makes one request, and a second one where COS has refused keys
 * or time and fresh ones can be had; other transient failures are for the caller to repeat. They
 * reject with a `CosRefusalError` where COS refuses, and with errors of keys and transport.
 */
export class CosBucket {
  readonly #requests: BucketRequests;
  readonly #idleMs: number;
  readonly #source: string;

  /**
   * `source` is the host of the bucket, which names objects to copy; `idleMs` the limit between two
   * chunks of a response.
   */
  constructor(requests: BucketRequests, source: string, idleMs: number) {
    this.#requests = requests;
    this.#source = source;
    this.#idleMs = idleMs;
  }

  /**
   * Uploads an object in one request. Content in memory is sent with its MD5. Never rejects.
   * @see https://cloud.tencent.com/document/product/436/7749
   */
  putObject(call: PutObjectCall): Promise<PutObjectOutcome> {
    return putObject(this.#requests, call);
  }

  /**
   * Reads the headers of an object.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_NOT_FOUND` without an object
   * @see https://cloud.tencent.com/document/product/436/7745
   */
  async headObject(key: string, signal: AbortSignal): Promise<ObjectHead> {
    const request = { endpoint: 'HEAD object', method: 'HEAD', key, lane: 'api', signal } as const;
    const sent = await this.#requests.send(request);
    const { status, header } = sent.response;
    const size = Number(header('content-length') ?? Number.NaN);
    if (status >= 300) throw this.#requests.refusal(request, sent, undefined);
    const isObject = status === 200 && isStrongEtag(header('etag')) && Number.isSafeInteger(size);
    if (!isObject) throw notFromCos(request, status);
    return {
      size,
      etag: decodeEtag(header('etag')),
      lastModified: readDate(header('last-modified')),
      contentType: header('content-type'),
      header,
    };
  }

  /**
   * Starts to read an object: 200, or 206 for a range. The body has to be read or discarded.
   * @see https://cloud.tencent.com/document/product/436/7753
   */
  async getObject(call: {
    /** The key. */
    readonly key: string;
    /**
     * `HEAD` for the headers only.
     * @defaultValue `GET`
     */
    readonly method?: 'GET' | 'HEAD' | undefined;
    /**
     * `range`, with or without `if-range`.
     * @defaultValue the whole object
     */
    readonly headers?: Readonly<Record<string, string>> | undefined;
    /** Ends the request and the reading of its body. */
    readonly signal: AbortSignal;
  }): Promise<StreamedResponse> {
    const { key, method = 'GET', signal } = call;
    const headers = { 'accept-encoding': 'identity', ...call.headers };
    const endpoint = `${method} object`;
    const request = { endpoint, method, key, headers, lane: 'download', signal } as const;
    const response = await this.#requests.stream(request);
    const { status, header } = response;
    const isAskedFor = status === 200 || (status === 206 && call.headers !== undefined);
    if (isAskedFor && isStrongEtag(header('etag'))) return response;
    response.discard();
    throw notFromCos(request, status);
  }

  /**
   * Deletes an object; succeeds without one.
   * @see https://cloud.tencent.com/document/product/436/7743
   */
  async deleteObject(key: string, signal: AbortSignal): Promise<void> {
    await this.#delete({ endpoint: 'DELETE object', method: 'DELETE', key, lane: 'api', signal });
  }

  /**
   * Deletes up to 1000 objects; one result each, in order.
   * @see https://cloud.tencent.com/document/product/436/8289
   */
  async deleteObjects(
    keys: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly DeletedKey[]> {
    const objects = keys.map(key => `<Object><Key>${escapeXml(key)}</Key></Object>`);
    const xml = `<Delete><Quiet>false</Quiet>${objects.join('')}</Delete>`;
    const request = {
      endpoint: 'POST delete',
      method: 'POST',
      key: '',
      query: { delete: '' },
      lane: 'api',
      signal,
    } as const;
    const headers = xmlHeaders(xml);
    const sent = await this.#requests.send(
      { ...request, headers },
      xmlContent(xml),
      MAX_LIST_BYTES,
    );
    const response = this.#expectOk(request, sent);
    const results = decodeDeleteResult(response.text);
    if (results === undefined) throw notFromCos(request, response.status);
    return keys.map(key => {
      if (!results.has(key)) return { key, error: notFromCos(request, response.status) };
      const problem = results.get(key);
      if (problem === undefined || problem.code === 'NoSuchKey') return { key, error: undefined };
      const document = { ...problem, requestId: undefined };
      // The status of the whole would make every failure look transient.
      const status = problem.code === 'AccessDenied' ? 403 : 400;
      const as = { ...sent, response: { status, header: response.header } };
      return { key, error: this.#requests.refusal({ ...request, key }, as, document) };
    });
  }

  /**
   * Lists objects and common prefixes, `maxKeys` at most.
   * @see https://cloud.tencent.com/document/product/436/7734
   */
  async listObjects(
    page: {
      readonly prefix?: string | undefined;
      readonly delimiter?: string | undefined;
      readonly marker?: string | undefined;
      /** From 1 to 1000. */
      readonly maxKeys?: number | undefined;
    },
    signal: AbortSignal,
  ): Promise<ObjectPage> {
    const { maxKeys = MOST_LISTED } = page;
    const query = {
      prefix: page.prefix || undefined,
      delimiter: page.delimiter || undefined,
      marker: page.marker || undefined,
      'max-keys': String(maxKeys),
      'encoding-type': 'url',
    };
    return this.#list('GET bucket', query, ({ text }) => decodeObjectPage(text), signal);
  }

  /**
   * Copies an object within the bucket. With `headers` the copy has only these, without them those
   * of the source, and then a dead file ID.
   * @see https://cloud.tencent.com/document/product/436/10881
   */
  async copyObject(call: {
    readonly fromKey: string;
    readonly toKey: string;
    readonly headers: ObjectHeaders | undefined;
    readonly signal: AbortSignal;
  }): Promise<{
    /** The ETag of the copy, without quotes. */
    readonly etag: string;
    /** Returns a header of the response. */
    header(name: string): string | undefined;
  }> {
    const { fromKey, toKey: key, signal } = call;
    const headers = {
      ...call.headers,
      'x-cos-copy-source': `${this.#source}/${encodeKey(fromKey)}`,
      'x-cos-metadata-directive': call.headers === undefined ? 'Copy' : 'Replaced',
    };
    const idleMs = Math.max(this.#idleMs, JOINING_IDLE_MS);
    const endpoint = 'PUT object copy';
    const request = { endpoint, method: 'PUT', key, headers, lane: 'api', idleMs, signal } as const;
    const response = await this.#expectOk(request, await this.#requests.send(request));
    const etag = decodeResultEtag(response.text, 'CopyObjectResult');
    if (etag === undefined) throw notFromCos(request, response.status);
    return { etag, header: response.header };
  }

  /**
   * Starts a multipart upload, with the headers of the object.
   * @see https://cloud.tencent.com/document/product/436/7746
   */
  async createMultipartUpload(call: {
    readonly key: string;
    readonly headers: ObjectHeaders;
    readonly signal: AbortSignal;
  }): Promise<{
    /** The ID of the upload. */
    readonly uploadId: string;
    /** The time of COS; undefined when missing. */
    readonly startedAt: Date | undefined;
  }> {
    const { key, headers, signal } = call;
    const request = {
      endpoint: 'POST uploads',
      method: 'POST',
      key,
      query: { uploads: '' },
      headers,
      lane: 'upload',
      // An upload whose ID is lost could not be aborted.
      graceMs: RESPONSE_GRACE_MS,
      signal,
    } as const;
    const sent = await this.#requests.send(request);
    const { response } = sent;
    const document = readCosError(response.text);
    const uploadId = response.status === 200 ? decodeUploadId(response.text) : undefined;
    if (uploadId === undefined) {
      throw toUploadRejection(this.#requests.refusalParts(request, sent, document));
    }
    return { uploadId, startedAt: readDate(response.header('date')) };
  }

  /**
   * Uploads a part of a multipart upload.
   * @throws `UploadRejectedError` when COS refuses it, or has other bytes than those sent
   * @see https://cloud.tencent.com/document/product/436/7750
   */
  uploadPart(call: UploadPartCall): Promise<ConfirmedPart> {
    return putPart(this.#requests, call);
  }

  /**
   * Completes a multipart upload. Never rejects. Where the object may exist although COS has not
   * confirmed it, only its headers tell.
   * @see https://cloud.tencent.com/document/product/436/7742
   */
  async completeMultipartUpload(call: {
    readonly key: string;
    readonly uploadId: string;
    readonly parts: readonly ConfirmedPart[];
    /**
     * Conditions, e.g. `x-cos-forbid-overwrite`.
     * @defaultValue none
     */
    readonly headers?: ObjectHeaders | undefined;
    readonly signal: AbortSignal;
  }): Promise<PutObjectOutcome> {
    const { key, uploadId, signal } = call;
    const parts = call.parts.map(
      ({ partNumber, etag }) =>
        `<Part><PartNumber>${partNumber}</PartNumber><ETag>&quot;${escapeXml(etag)}&quot;</ETag></Part>`,
    );
    const xml = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
    const request = {
      endpoint: 'POST complete',
      method: 'POST',
      key,
      query: { uploadId },
      headers: { ...call.headers, ...xmlHeaders(xml) },
      lane: 'upload',
      // COS may join parts for minutes, and sends white space meanwhile.
      idleMs: Math.max(this.#idleMs, JOINING_IDLE_MS),
      signal,
    } as const;
    const content = { ...xmlContent(xml), graceMs: RESPONSE_GRACE_MS };
    const outcome = await this.#requests.trySend(request, content);
    if ('error' in outcome) return unanswered(outcome);
    const { response } = outcome;
    const { status, header, text } = response;
    const etag =
      status === 200 ? decodeResultEtag(text, 'CompleteMultipartUploadResult') : undefined;
    if (etag !== undefined) return { isStored: true, etag, header };
    return refusePut(this.#requests, request, outcome);
  }

  /**
   * Aborts a multipart upload; succeeds for one that is gone.
   * @see https://cloud.tencent.com/document/product/436/7740
   */
  async abortMultipartUpload(key: string, uploadId: string, signal: AbortSignal): Promise<void> {
    await this.#delete({
      endpoint: 'DELETE upload',
      method: 'DELETE',
      key,
      query: { uploadId },
      lane: 'api',
      signal,
    });
  }

  /**
   * Lists unfinished multipart uploads, 1000 at most.
   * @see https://cloud.tencent.com/document/product/436/7736
   */
  async listMultipartUploads(
    page: {
      readonly prefix?: string | undefined;
      readonly keyMarker?: string | undefined;
      readonly uploadIdMarker?: string | undefined;
    },
    signal: AbortSignal,
  ): Promise<
    UnfinishedUploadsPage & {
      /** The time of the list, by the clock of COS; undefined when missing. */
      readonly listedAt: Date | undefined;
    }
  > {
    const query = {
      uploads: '',
      prefix: page.prefix || undefined,
      'key-marker': page.keyMarker,
      'upload-id-marker': page.uploadIdMarker,
      'encoding-type': 'url',
    };
    const decode = ({ text, header }: BufferedResponse) => {
      const list = decodeUnfinishedUploads(text);
      return list && { ...list, listedAt: readDate(header('date')) };
    };
    return this.#list('GET uploads', query, decode, signal);
  }

  /**
   * Signs an address for a client. `headers` are signed, so the client has to send them. The
   * address lives no longer than the keys.
   * @see https://cloud.tencent.com/document/product/436/14116
   */
  presign(call: {
    readonly method: 'GET' | 'HEAD' | 'PUT';
    readonly key: string;
    readonly headers?: ObjectHeaders;
    readonly query?: Readonly<Record<string, string>>;
    readonly expiresInSeconds: number;
    readonly signal: AbortSignal;
  }): Promise<{ readonly url: string; readonly expiresAt: Date }> {
    return this.#requests.presign(call, call.expiresInSeconds);
  }

  async #list<Page>(
    endpoint: string,
    query: Readonly<Record<string, string | undefined>>,
    decode: (response: BufferedResponse) => Page | undefined,
    signal: AbortSignal,
  ): Promise<Page> {
    const request = { endpoint, method: 'GET', key: '', query, lane: 'api', signal } as const;
    const sent = await this.#requests.send(request, undefined, MAX_LIST_BYTES);
    const response = this.#expectOk(request, sent);
    const page = decode(response);
    if (page === undefined) throw notFromCos(request, response.status);
    return page;
  }

  /** A 404 means that there is nothing to delete. */
  async #delete(request: BucketRequest): Promise<void> {
    const sent = await this.#requests.send(request);
    const { status, text } = sent.response;
    const document = readCosError(text);
    const isGone = document?.code === 'NoSuchKey' || document?.code === 'NoSuchUpload';
    if (status === 204 || (status === 404 && isGone)) return;
    throw this.#requests.refusal(request, sent, document);
  }

  /** Returns a response with status 200, unless it has an error document. */
  #expectOk(request: BucketRequest, sent: SentRequest): BufferedResponse {
    const { response } = sent;
    const document = readCosError(response.text);
    if (response.status === 200 && document === undefined) return response;
    throw this.#requests.refusal(request, sent, document);
  }
}

/** Reads the date of a header; undefined without one. */
function readDate(value: string | undefined): Date | undefined {
  const date = new Date(value ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function xmlHeaders(xml: string): ObjectHeaders {
  const md5 = createHash('md5').update(xml).digest('hex');
  return { ...contentMd5(md5), 'content-type': 'application/xml' };
}

function xmlContent(xml: string) {
  const bytes = Buffer.from(xml);
  return {
    size: bytes.byteLength,
    open: () => toObjectBody(bytes, false),
    isReplayable: true,
  };
}
