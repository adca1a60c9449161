import { type BodyPart, BodyParts } from '../body/body-parts.js';
import { type ChunkReader, NO_CHUNK } from '../body/chunks.js';
import { openSpool } from '../body/spool.js';
import type { PassingContent } from '../body/upload-body.js';
import { createSharedController } from '../operations/deadline.js';
import { retry } from '../operations/retry.js';
import { isTransient } from '../wechat/api-errors.js';
import { reportProgress, type UploadObjectCall, type WxCloudStoredFile } from './call-options.js';
import type { CosAccess } from './cos-access.js';
import { toFileId } from './direct-access.js';
import { PartsUpload, type PartsOutcome } from './parts-upload.js';
import type { StorageContext } from './storage-context.js';

/** An upload of a body whose length is unknown. */
export interface StreamUploadCall extends Omit<UploadObjectCall, 'body'>, PassingContent {
  /**
   * Resolves when the object may be stored; rejects where it must not be.
   * @defaultValue at once
   */
  readonly untilWanted?: (() => Promise<unknown>) | undefined;
}

/** Uploads an object whose content is complete. */
type StoreWhole = (call: UploadObjectCall) => Promise<WxCloudStoredFile>;

/**
 * Uploads a body while it arrives. What fits into one part is sent as a whole, with `storeWhole`;
 * anything larger in parts. Where the keys lack the right to parts, the content is kept until its
 * end, and sent as a whole.
 * @throws {@link WxCloudStorageError} as the upload of a complete body, and for a body that fails
 */
export async function uploadStream(
  context: StorageContext,
  cos: CosAccess,
  call: StreamUploadCall,
  storeWhole: StoreWhole,
): Promise<WxCloudStoredFile> {
  const { budget, diskBudget } = context;
  const { pool } = cos.partSizes;
  const parts = new BodyParts(call.chunks, { budget, diskBudget, pool });
  const remove = cos.partSizes.add();
  const ended = createSharedController();
  let first: BodyPart | undefined;
  try {
    const metaId = signEarly(context, cos, call, ended.signal);
    const part = await parts.next(() => cos.partSizes.sizeOf(1));
    first = part;
    if (part.isLast) {
      await call.untilWanted?.();
      const { size, open } = part;
      const body = { size, isReplayable: true, countedBytes: call.countedBytes, open };
      return await storeWhole({ ...wholeOf(call), metaId, body });
    }
    const outcome = cos.rights.isDenied('multipart')
      ? { denied: [part] }
      : await uploadParts(context, cos, { parts, call: { ...call, metaId }, first: part });
    if ('fileId' in outcome) return outcome;
    const whole = { ...call, metaId };
    return await keepAndStore(context, whole, [outcome.denied, parts.rest], storeWhole);
  } finally {
    ended.abort(new Error('The upload has ended.'));
    await parts.return();
    await first?.dispose();
    remove();
  }
}

/** Signs the file ID while the content arrives. The upload that takes it gets the error. */
function signEarly(
  { options }: StorageContext,
  cos: CosAccess,
  { cloudPath, properties, signal: given }: StreamUploadCall,
  ended: AbortSignal,
): Promise<string> {
  const signal = AbortSignal.any([given, ended]);
  const sign = () => cos.metaIds.encode(cloudPath, properties?.openid ?? '', signal);
  const metaId = retry(sign, options.retry, signal, isTransient);
  metaId.catch(() => {});
  return metaId;
}

function wholeOf({
  chunks: _chunks,
  countedBytes: _counted,
  untilWanted: _wanted,
  ...call
}: StreamUploadCall) {
  return call;
}

/** Uploads in parts. Resolves with the unsent parts where the keys lack the right to it. */
async function uploadParts(
  context: StorageContext,
  cos: CosAccess,
  {
    parts,
    call,
    first,
  }: {
    readonly parts: BodyParts;
    readonly call: StreamUploadCall & { readonly metaId: Promise<string> };
    readonly first: BodyPart;
  },
): Promise<WxCloudStoredFile | Extract<PartsOutcome, { denied: unknown }>> {
  const { cloudPath, contentType, properties, isPathUnique, untilWanted, event, signal } = call;
  const fileId = toFileId(context, cloudPath);
  const headers = call.metaId.then(metaId => ({
    ...properties?.headers,
    'content-type': contentType,
    'x-cos-meta-fileid': metaId,
  }));
  headers.catch(() => {});
  const object = { cloudPath, fileId, headers, properties, isPathUnique, untilWanted, signal };
  const upload = new PartsUpload(context, cos, parts, {
    ...object,
    countedBytes: call.countedBytes,
    onBytes: countBytes(context, call),
  });
  try {
    const outcome = await upload.run(first);
    if ('denied' in outcome) {
      await upload.cleanUp();
      return outcome;
    }
    return { fileId, cloudPath, contentType, size: outcome.size, etag: outcome.etag };
  } catch (error) {
    await upload.dispose();
    await upload.cleanUp();
    throw error;
  } finally {
    if (event !== undefined) {
      event.size = upload.size;
      event.tries += 1;
    }
  }
}

/** Keeps the unsent parts and the rest until the end, and stores them as a whole. */
async function keepAndStore(
  { options, budget, diskBudget }: StorageContext,
  call: StreamUploadCall,
  [unsent, rest]: readonly [readonly BodyPart[], ChunkReader],
  storeWhole: StoreWhole,
): Promise<WxCloudStoredFile> {
  const { memoryLimitBytes } = options.upload;
  const spool = await openSpool(new JoinedChunks(unsent, rest), {
    memoryLimitBytes,
    budget,
    diskBudget,
    mostBytes: undefined,
    ownsChunks: true,
    countedBytes: call.countedBytes,
  });
  try {
    const body = await spool.complete();
    await call.untilWanted?.();
    return await storeWhole({ ...wholeOf(call), body });
  } finally {
    await spool.dispose();
  }
}

/** The chunks of parts, each released after it was read, then the rest. */
class JoinedChunks implements ChunkReader {
  readonly #parts: BodyPart[];
  readonly #rest: ChunkReader;
  #part: BodyPart | undefined;
  #chunks: Iterator<Uint8Array> | AsyncIterator<Uint8Array> | undefined;

  constructor(parts: readonly BodyPart[], rest: ChunkReader) {
    this.#parts = [...parts];
    this.#rest = rest;
  }

  async next(): ReturnType<ChunkReader['next']> {
    for (;;) {
      const result = await this.#chunks?.next();
      if (result !== undefined && result.done !== true) return result;
      await this.#part?.dispose();
      this.#part = this.#parts.shift();
      this.#chunks = this.#part && iterate(this.#part);
      if (this.#part === undefined) return this.#rest.next();
    }
  }

  async return(): ReturnType<ChunkReader['return']> {
    await this.#part?.dispose();
    await Promise.all(this.#parts.splice(0).map(part => part.dispose()));
    await this.#rest.return();
    return NO_CHUNK;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function iterate(part: BodyPart): Iterator<Uint8Array> | AsyncIterator<Uint8Array> {
  const bytes = part.open();
  if (Buffer.isBuffer(bytes)) return [bytes].values();
  return Symbol.asyncIterator in bytes ? bytes[Symbol.asyncIterator]() : bytes[Symbol.iterator]();
}

/** Reports confirmed parts. Their number is not known before, so the total is what is known. */
function countBytes(
  { warnings }: StorageContext,
  { onProgress }: StreamUploadCall,
): ((count: number) => void) | undefined {
  if (onProgress === undefined) return undefined;
  let confirmed = 0;
  const report = reportProgress(
    warnings,
    ({ transferredBytes }) => onProgress({ transferredBytes, totalBytes: transferredBytes }),
    0,
  );
  report(0);
  return count => {
    confirmed += count;
    report(confirmed);
  };
}
