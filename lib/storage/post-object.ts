import { createHash, type Hash } from 'node:crypto';
import { MemoryShare, type BodyBytes, type UploadBody } from '../body/index.js';
import {
  buildForm,
  neverConnected,
  toTarget,
  type FormBody,
  type HttpExchange,
} from '../transport/index.js';
import { toFormFields, type FormSubject } from './form-fields.js';
import { judgePostObject, type PostObjectOutcome } from './post-object-verdict.js';
import type { StorageContext } from './storage-context.js';

/** One form upload. */
export interface PostObjectCall extends FormSubject {
  /** What to send. */
  readonly body: UploadBody;
  /** Told how many bytes of the body were handed to the connection; undefined for nobody. */
  readonly onBytes: ((count: number) => void) | undefined;
  /** Ends the upload. Once the last byte is sent it takes effect only after a grace period: see {@link postObject}. */
  readonly signal: AbortSignal;
}

const MAX_ANSWER_BYTES = 65_536;
/** How long an answer is awaited after the last byte was sent and the caller gave up: only it says what became of the object. */
const ANSWER_GRACE_MS = 3_000;

/**
 * Sends one object to COS. When the caller gives up after the last byte was sent, the answer is awaited for 3 more
 * seconds, so that the object can be removed rather than left behind.
 * @see https://cloud.tencent.com/document/api/436/14690
 */
export async function postObject(
  context: StorageContext,
  call: PostObjectCall,
): Promise<PostObjectOutcome> {
  const { body, signal } = call;
  const { verifyEtag } = context.options.upload;
  const hash = verifyEtag ? createHash('md5') : undefined;
  const memory = new MemoryShare(context.budget);
  const form = buildForm({
    fields: toFormFields(call),
    size: body.size,
    file: hashed(body.open(signal), hash),
    onFileBytes: call.onBytes,
    canJoin: bytes => memory.reserve(bytes),
  });
  const md5 = (): string | undefined => hash?.copy().digest('hex');
  try {
    return await exchange(context, call, { form, md5 });
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
  return hashPieces(file, hash);
}

async function* hashPieces(
  pieces: Exclude<BodyBytes, Buffer>,
  hash: Hash,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

interface SentForm {
  readonly form: FormBody;
  readonly md5: () => string | undefined;
}

async function exchange(
  { transport }: StorageContext,
  { link, cloudPath, signal }: PostObjectCall,
  { form, md5 }: SentForm,
): Promise<PostObjectOutcome> {
  let isUnsent = false;
  const secrets = [link.signature, link.securityToken, link.metaFileId];
  try {
    const request: HttpExchange = {
      endpoint: 'POST object',
      method: 'POST',
      lane: 'upload',
      target: toTarget(link.address),
      headers: form.headers,
      body: form.body,
      signal,
      // At once while bytes are still to be sent, later when only the answer is to come.
      abortDelayMs: () => (form.isSent() ? ANSWER_GRACE_MS : 0),
      onUnsent: () => {
        isUnsent = true;
      },
      secrets,
    };
    const answer = await transport.exchange(request, MAX_ANSWER_BYTES);
    return judgePostObject(answer, { cloudPath, secrets, md5: md5(), isSent: form.isSent() });
  } catch (error) {
    const mayExist = form.isSent() && !isUnsent && !neverConnected(error);
    return { isStored: false, error: error as Error, mayExist, isFormRefused: false };
  }
}
