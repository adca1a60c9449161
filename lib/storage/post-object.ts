import { createHash, type Hash } from 'node:crypto';
import type { UploadBody } from '../body/index.js';
import { redact, UploadRejectedError, WxCloudStorageError } from '../errors/index.js';
import { buildForm, type FormBody, type HttpAnswer } from '../transport/index.js';
import { decodeCosError, type CosError, type UploadLink } from '../wire/index.js';
import type { StorageContext } from './storage-context.js';

/** One form upload. */
export interface PostObjectCall {
  /** Where and with which credentials; for one path only. */
  readonly link: UploadLink;
  /** The path, sent as the raw UTF-8 field `key`. */
  readonly cloudPath: string;
  /** What to send. */
  readonly body: UploadBody;
  /** Sent as the form field `Content-Type`; undefined leaves the field out. */
  readonly contentType: string | undefined;
  /** Ends the upload. Once the last byte is sent it takes effect only after a grace period: see {@link postObject}. */
  readonly signal: AbortSignal;
}

/** How a form upload ended. */
export type PostObjectOutcome =
  | { readonly isStored: true; readonly etag: string }
  | {
      readonly isStored: false;
      /** Why the upload does not count. */
      readonly error: Error;
      /** Whether the object may be there all the same, so that it has to be looked for. */
      readonly mayExist: boolean;
    };

/** COS confirms with 204, or with 200 or 201 when a gateway asks for it. */
const SUCCESS = new Set([200, 201, 204]);
const MAX_ANSWER_BYTES = 65_536;
/** How long an answer is awaited after the last byte was sent and the caller gave up: only it says what became of the object. */
const ANSWER_GRACE_MS = 3_000;

/** 4xx codes that pass by themselves, or with a fresh link. @see https://cloud.tencent.com/document/api/436/7730 */
const TRANSIENT_CODES = new Set([
  'RequestTimeout',
  'UserNetworkTooSlow',
  'IncompleteBody',
  'ExpiredToken',
]);
/** 4xx codes that an extra form field cannot be the reason of. */
const UNRELATED_CODES = new Set([
  'BadDigest',
  'EntityTooLarge',
  'EntityTooSmall',
  'InvalidAccessKeyId',
  'InvalidDigest',
  'InvalidURI',
  'KeyTooLong',
  'RequestTimeTooSkewed',
]);

/** Whether COS refused a form perhaps for its shape or signature; a repeat without the extra field may be taken. */
export function isFormRefusal(error: unknown): boolean {
  if (!(error instanceof UploadRejectedError) || error.retryable) return false;
  const isRefusal = error.upstreamStatus === 400 || error.upstreamStatus === 403;
  return isRefusal && !UNRELATED_CODES.has(error.cosCode ?? '');
}

/**
 * Sends one object to COS. It counts as stored only when COS answered 200, 201 or 204 without an error document after
 * all bytes were sent (and, with `upload.verifyEtag`, named their MD5). When the caller gives up after the last byte was
 * sent, the answer is awaited for 3 more seconds, so that the object can be removed rather than left behind.
 * @see https://cloud.tencent.com/document/api/436/14690
 */
export async function postObject(
  context: StorageContext,
  call: PostObjectCall,
): Promise<PostObjectOutcome> {
  const hash = context.options.upload.verifyEtag ? createHash('md5') : undefined;
  const form = buildForm({
    fields: toFields(call),
    size: call.body.size,
    file: hashed(call.body.open(call.signal), hash),
  });
  const grace = abortWithGrace(call.signal, form.isSent);
  try {
    return await exchange(context, {
      ...call,
      form,
      signal: grace.signal,
      md5: () => hash?.digest('hex'),
    });
  } finally {
    grace.dispose();
  }
}

function toFields({ link, cloudPath, contentType }: PostObjectCall): Record<string, string> {
  return {
    key: cloudPath,
    Signature: link.signature,
    'x-cos-security-token': link.securityToken,
    'x-cos-meta-fileid': link.metaFileId,
    // COS ignores the type on the file's own part.
    ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
  };
}

function hashed(
  file: Buffer | AsyncIterable<Uint8Array>,
  hash: Hash | undefined,
): Buffer | AsyncIterable<Uint8Array> {
  if (hash === undefined) return file;
  if (!Buffer.isBuffer(file)) return hashPieces(file, hash);
  hash.update(file);
  return file;
}

async function* hashPieces(
  pieces: AsyncIterable<Uint8Array>,
  hash: Hash,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

interface Exchange extends PostObjectCall {
  readonly form: FormBody;
  readonly md5: () => string | undefined;
}

async function exchange(
  { transport }: StorageContext,
  { link, cloudPath, form, signal, md5 }: Exchange,
): Promise<PostObjectOutcome> {
  const secrets = [link.signature, link.securityToken, link.metaFileId];
  try {
    const answer = await transport.send({
      endpoint: 'POST object',
      method: 'POST',
      url: link.url,
      headers: form.headers,
      body: form.body,
      signal,
      secrets,
    });
    const text = await answer.readText(MAX_ANSWER_BYTES);
    return judge(answer, { text, cloudPath, secrets, md5: md5(), isSent: form.isSent() });
  } catch (error) {
    return { isStored: false, error: error as Error, mayExist: form.isSent() };
  }
}

/** COS confirms without a body, or with the document that 201 brings: anything else comes from something in between. */
function isConfirmation(text: string): boolean {
  return text.trim() === '' || /<PostResponse[\s>]/.test(text);
}

interface Verdict {
  readonly text: string;
  readonly cloudPath: string;
  readonly secrets: readonly string[];
  readonly md5: string | undefined;
  readonly isSent: boolean;
}

function judge(answer: HttpAnswer, verdict: Verdict): PostObjectOutcome {
  const document = decodeCosError(verdict.text);
  if (!SUCCESS.has(answer.status) || !isConfirmation(verdict.text) || !verdict.isSent) {
    const error = rejected(answer, document, verdict);
    return { isStored: false, error, mayExist: answer.status < 400 || answer.status >= 500 };
  }
  const etag = (answer.header('etag') ?? '').replaceAll('"', '');
  if (verdict.md5 !== undefined && etag !== verdict.md5) {
    return { isStored: false, error: corrupted(verdict.cloudPath), mayExist: true };
  }
  return { isStored: true, etag };
}

function rejected(
  answer: HttpAnswer,
  document: CosError | undefined,
  { cloudPath, secrets }: Verdict,
): UploadRejectedError {
  const { status } = answer;
  const message = redact(document?.message ?? '', secrets);
  const isExpired = document?.code === 'AccessDenied' && /expired/i.test(message);
  return new UploadRejectedError({
    upstreamStatus: status,
    cosCode: document?.code,
    cloudPath,
    answer: `HTTP ${status} ${document === undefined ? 'without a confirmation' : `${document.code} (${message})`}`,
    retryable:
      status >= 500 || status < 400 || isExpired || TRANSIENT_CODES.has(document?.code ?? ''),
    requestId: answer.header('x-cos-request-id') ?? document?.requestId,
  });
}

function corrupted(cloudPath: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_UPLOAD_REJECTED',
    message: `Uploading "${cloudPath}" failed: COS stored other bytes than were sent, by their MD5. Try again.`,
    retryable: true,
    endpoint: 'POST object',
  });
}

/** Passes an abort on: at once while bytes are still to be sent, after a grace period when only the answer is. */
function abortWithGrace(
  signal: AbortSignal,
  isSent: () => boolean,
): { readonly signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    const abort = (): void => controller.abort(signal.reason);
    if (isSent()) timer = setTimeout(abort, ANSWER_GRACE_MS);
    else abort();
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    dispose: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    },
  };
}
