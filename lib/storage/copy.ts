import { channels, trace } from '../diagnostics.js';
import { WxCloudStorageError } from '../errors/errors.js';
import { assertCloudPath } from '../file-id/cloud-path.js';
import type { ParsedFileId } from '../file-id/file-id.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import { retry } from '../operations/retry.js';
import { neverConnected } from '../transport/connection-error.js';
import { isTransient } from '../wechat/api-errors.js';
import type { WxCloudStoredFile, WxCloudUploadFileOptions } from './call-options.js';
import { deleteLeftovers } from './clean-up.js';
import { CosRefusalError } from './cos/cos-error.js';
import { callBucket, requireCos, toFileId } from './direct-access.js';
import { FILE_ID_HEADER, METADATA_PREFIX, readDisposition } from './object-properties.js';
import { assertOwner, readOwner } from './owner.js';
import { statDirectly, type WxCloudFileStat } from './read-object.js';
import { settleStored } from './settle-stored.js';
import type { StorageContext } from './storage-context.js';
import { assertUniquePath } from './upload.js';

/** Options for a copy of a file. */
export interface WxCloudCopyOptions
  extends WxCloudCallOptions, Pick<WxCloudUploadFileOptions, 'uniquePath'> {
  /**
   * The OpenID of the user who owns the copy; empty for the application.
   * @defaultValue the owner of the source
   */
  readonly openid?: string | undefined;
}

/** Number of copies begun of a file that is replaced meanwhile. */
const MAX_ROUNDS = 3;

/** Headers of an object that its copy has too, beside the metadata. */
const KEPT_HEADERS = [
  'content-type',
  'cache-control',
  'content-encoding',
  'content-language',
  'expires',
  'x-cos-storage-class',
] as const;

/**
 * Copies a file within the bucket, with its type and metadata. The signed file ID is made anew, as
 * that of the source is dead at another path.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID`, `WX_CLOUD_PATH_INVALID`,
 * `WX_CLOUD_UNSUPPORTED`, `WX_CLOUD_FILE_NOT_FOUND`, …
 * @see https://cloud.tencent.com/document/product/436/10881
 */
export async function copyFile(
  context: StorageContext,
  fileId: string,
  toPath: string,
  options: WxCloudCopyOptions,
): Promise<WxCloudStoredFile> {
  const copy = new FileCopy(context, context.fileIdScope.parse(fileId), toPath, options);
  const { env } = context.options;
  return context.operations.run('copying a file', options, signal =>
    trace(
      channels.copy,
      () => ({ env }),
      async event => {
        const stored = await copy.run(signal);
        if (event !== undefined) event.size = stored.size;
        return stored;
      },
    ),
  );
}

/**
 * Copies a file and deletes the source. A source that cannot be deleted is reported as an orphan,
 * as the file is at its new path by then.
 * @throws {@link WxCloudStorageError} as {@link copyFile} does
 */
export async function moveFile(
  context: StorageContext,
  fileId: string,
  toPath: string,
  options: WxCloudCopyOptions,
): Promise<WxCloudStoredFile> {
  const source = context.fileIdScope.parse(fileId);
  if (source.cloudPath === toPath) {
    throw new WxCloudStorageError({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
      message: 'move: the file is at this path already. Pass another path.',
    });
  }
  const stored = await copyFile(context, fileId, toPath, options);
  // Other files may be stored at the path of the source, so no sweep may find it there later.
  const unrecorded = { ...context, pending: undefined };
  // The copy cannot be taken back, so the end of the call does not stop the deletion.
  await deleteLeftovers(unrecorded, [{ fileId: source.fileId, isPathUnique: true }]);
  await context.pending?.noteDeleted([source.fileId]);
  return stored;
}

/** One copy, and the object that a failed one may have left. */
class FileCopy {
  readonly #context: StorageContext;
  readonly #source: ParsedFileId;
  readonly #toPath: string;
  readonly #openid: string | undefined;
  readonly #isPathUnique: boolean;
  #recorded: string | undefined;
  #mayExist = false;

  constructor(
    context: StorageContext,
    source: ParsedFileId,
    toPath: string,
    { openid, uniquePath = false }: WxCloudCopyOptions,
  ) {
    assertCloudPath(toPath);
    assertUniquePath(uniquePath);
    assertOwner(context, openid);
    this.#context = context;
    this.#source = source;
    this.#toPath = toPath;
    this.#openid = openid;
    this.#isPathUnique = uniquePath;
  }

  async run(signal: AbortSignal): Promise<WxCloudStoredFile> {
    try {
      for (let round = 1; ; round += 1) {
        const stored = await this.#copy(signal, round === MAX_ROUNDS);
        if (stored !== undefined) return await this.#settle(stored, signal);
      }
    } catch (error) {
      await this.#cleanUp();
      throw error;
    }
  }

  /** Resolves with undefined when the source was replaced, unless that is the last round. */
  async #copy(signal: AbortSignal, isLast: boolean): Promise<WxCloudStoredFile | undefined> {
    const { stat, headers: found } = await statDirectly(
      this.#context,
      this.#source,
      'copy',
      signal,
    );
    const headers = {
      ...keptHeaders(found),
      [FILE_ID_HEADER]: await this.#signFileId(found.header(FILE_ID_HEADER), signal),
      'x-cos-copy-source-if-match': `"${stat.etag}"`,
    };
    try {
      return await this.#send(stat, headers, signal);
    } catch (error) {
      if (isLast || !isReplaced(error)) throw error;
      return undefined;
    }
  }

  async #send(
    { size, contentType }: WxCloudFileStat,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<WxCloudStoredFile> {
    await this.#record();
    const { etag } = await callBucket(this.#context, {
      needed: 'copy',
      right: 'copy',
      send: ({ bucket }) =>
        this.#watch(
          bucket.copyObject({
            fromKey: this.#source.cloudPath,
            toKey: this.#toPath,
            headers,
            signal,
          }),
        ),
      signal,
    });
    signal.throwIfAborted();
    const fileId = toFileId(this.#context, this.#toPath);
    this.#context.linkCache.forgetReplaced(fileId, this.#isPathUnique);
    return { fileId, cloudPath: this.#toPath, size, contentType, etag };
  }

  /** Records the copy, unless it is an existing file that is copied onto itself. */
  async #record(): Promise<void> {
    const { pending } = this.#context;
    const isNew = this.#isPathUnique && this.#toPath !== this.#source.cloudPath;
    if (pending === undefined || !isNew) return;
    this.#recorded = toFileId(this.#context, this.#toPath);
    await pending.record(this.#recorded);
  }

  /** Settles the copy before the call resolves. */
  async #settle(stored: WxCloudStoredFile, signal: AbortSignal): Promise<WxCloudStoredFile> {
    if (this.#recorded === undefined) return stored;
    this.#recorded = undefined;
    // It is deleted there, if need be.
    this.#mayExist = false;
    await settleStored(this.#context, stored.fileId, signal);
    return stored;
  }

  /** Remembers that the copy may exist, unless COS has clearly refused it. */
  async #watch<T>(copying: Promise<T>): Promise<T> {
    try {
      const result = await copying;
      this.#mayExist = true;
      return result;
    } catch (error) {
      const status = error instanceof CosRefusalError ? error.upstreamStatus : undefined;
      const isRefused = status !== undefined && status >= 400 && status < 500;
      const isUnclear = !isRefused && !neverConnected(error);
      this.#mayExist ||= isUnclear;
      if (isUnclear && this.#recorded !== undefined) {
        this.#context.pending?.expectLate(this.#recorded);
      }
      throw error;
    }
  }

  async #signFileId(sourceId: string | undefined, signal: AbortSignal): Promise<string> {
    const { metaIds } = requireCos(this.#context, 'copy');
    const policy = this.#context.options.retry;
    const openid = this.#openid ?? (await readOwner(this.#context, this.#source, sourceId, signal));
    return retry(
      () => metaIds.encode(this.#toPath, openid ?? '', signal),
      policy,
      signal,
      isTransient,
    );
  }

  /** Deletes or reports the copy of a failed call. A file that was copied onto itself stays. */
  async #cleanUp(): Promise<void> {
    const recorded = this.#recorded;
    if (!this.#mayExist && recorded !== undefined) await this.#context.pending?.forget([recorded]);
    if (!this.#mayExist || this.#toPath === this.#source.cloudPath) return;
    const fileId = toFileId(this.#context, this.#toPath);
    this.#context.linkCache.forgetReplaced(fileId, this.#isPathUnique);
    await deleteLeftovers(this.#context, [{ fileId, isPathUnique: this.#isPathUnique }]);
  }
}

function keptHeaders({
  header,
  headerNames,
}: Awaited<ReturnType<typeof statDirectly>>['headers']): Readonly<Record<string, string>> {
  const names = headerNames().filter(name => name.startsWith(METADATA_PREFIX));
  const values = [...KEPT_HEADERS, ...names].map(name => [name, header(name) ?? ''] as const);
  const disposition = readDisposition(header) ?? '';
  const all = [...values, ['content-disposition', disposition] as const];
  return Object.fromEntries(all.filter(([, value]) => value !== ''));
}

/** True when the source is no longer the object whose headers were read. */
function isReplaced(error: unknown): boolean {
  return error instanceof CosRefusalError && error.upstreamStatus === 412;
}
