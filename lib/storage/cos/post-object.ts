import { createHash, type Hash } from 'node:crypto';
import { NO_CHUNK } from '../../body/chunks.js';
import { type MemoryBudget, MemoryShare } from '../../body/memory-budget.js';
import type { BodyBytes, UploadBody } from '../../body/upload-body.js';
import { neverConnected } from '../../transport/connection-error.js';
import {
  type HttpRequestWithBody,
  type HttpTransport,
  toTarget,
} from '../../transport/http-client.js';
import type { UploadLink } from '../../wechat/endpoints.js';
import { buildForm } from './form-body.js';
import { classifyPostResponse, type PostObjectOutcome } from './post-object-result.js';

const MAX_RESPONSE_BYTES = 65_536;
/**
 * Time to wait for the response after the last byte was sent and the caller gave up, in
 * milliseconds. Only the response shows if the object was stored.
 */
const RESPONSE_GRACE_MS = 3_000;

/**
 * Returns the fields of a form upload, in order; the file comes after them. The path is sent as raw
 * UTF-8. COS ignores the type on the part of the file, so the type is a field; undefined omits it.
 * @see https://cloud.tencent.com/document/api/436/14690
 */
export function toFormFields(
  link: UploadLink,
  cloudPath: string,
  contentType: string | undefined,
): Readonly<Record<string, string>> {
  return {
    key: cloudPath,
    Signature: link.signature,
    'x-cos-security-token': link.securityToken,
    'x-cos-meta-fileid': link.metaFileId,
    ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
  };
}

/** One form upload. */
interface PostObjectRequest {
  /** The address and its credentials; valid for one path. */
  readonly link: UploadLink;
  /** The path of the object. */
  readonly cloudPath: string;
  /** The media type of the object; undefined omits it. */
  readonly contentType: string | undefined;
  /** The content; `extraBytes` is the number of bytes that it has more than its size, 0 to 2. */
  readonly body: UploadBody & { readonly extraBytes?: number };
  /** True when the ETag of COS has to be the MD5 of the sent bytes. */
  readonly verifyEtag: boolean;
  /** The memory for a copy of a small form. */
  readonly budget: MemoryBudget;
  /** Receives the number of body bytes passed to the connection; may be undefined. */
  readonly onBytes: ((count: number) => void) | undefined;
  /**
   * Ends the upload. After the last byte was sent, it takes effect after a grace period: see
   * {@link postObject}.
   */
  readonly signal: AbortSignal;
}

/**
 * Uploads one object to COS. When the caller gives up after the last byte was sent, the response is
 * awaited for 3 more seconds, so that the object can be deleted instead of being left behind.
 * @see https://cloud.tencent.com/document/api/436/14690
 */
export async function postObject(
  transport: HttpTransport,
  request: PostObjectRequest,
): Promise<PostObjectOutcome> {
  const { link, cloudPath, contentType, body, onBytes, signal } = request;
  const hash = request.verifyEtag ? createHash('md5') : undefined;
  const memory = new MemoryShare(request.budget);
  const form = buildForm({
    fields: toFormFields(link, cloudPath, contentType),
    size: body.size,
    file: hashed(body.open(signal), hash),
    extraBytes: () => body.extraBytes ?? 0,
    onFileBytes: onBytes,
    canJoin: bytes => memory.reserve(bytes),
  });
  const secrets = [link.signature, link.securityToken, link.metaFileId];
  let isUnsent = false;
  try {
    const exchange: HttpRequestWithBody = {
      endpoint: 'POST object',
      method: 'POST',
      lane: 'upload',
      target: toTarget(link.address),
      headers: form.headers,
      body: form.body,
      signal,
      // No delay while bytes are unsent; a grace period when only the response is pending.
      abortDelayMs: () => (form.isSent() ? RESPONSE_GRACE_MS : 0),
      onUnsent: () => {
        isUnsent = true;
      },
      secrets,
    };
    const response = await transport.requestBuffered(exchange, MAX_RESPONSE_BYTES);
    const md5 = hash?.digest('hex');
    return classifyPostResponse(response, { cloudPath, secrets, md5, isSent: form.isSent() });
  } catch (error) {
    const mayExist = form.isSent() && !isUnsent && !neverConnected(error);
    return { isStored: false, error: error as Error, mayExist, isFormRefused: false };
  } finally {
    memory.release();
  }
}

function hashed(file: BodyBytes, hash: Hash | undefined): BodyBytes {
  if (hash === undefined) return file;
  if (Buffer.isBuffer(file)) {
    hash.update(file);
    return file;
  }
  return hashChunks(file, hash);
}

/** A plain iterator, so that an end of the form reaches a file whose next chunk is awaited. */
function hashChunks(
  chunks: Exclude<BodyBytes, Buffer>,
  hash: Hash,
): AsyncIterableIterator<Uint8Array> {
  const iterator: Iterator<Uint8Array> | AsyncIterator<Uint8Array> =
    Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  return {
    next: async () => {
      const result = await iterator.next();
      if (result.done !== true) hash.update(result.value);
      return result;
    },
    return: async () => {
      await iterator.return?.();
      return NO_CHUNK;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
