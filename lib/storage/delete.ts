import { channels } from '../diagnostics.js';
import type { WxCloudStorageError } from '../errors/errors.js';
import {
  type BatchItemStatus,
  decodeDeleteFiles,
  DELETE_FILES_ENDPOINT,
  type DeleteFilesRequest,
  saysFileIsMissing,
} from '../wechat/endpoints.js';
import type { RequestBatcher } from './batching.js';
import type { CosAccess } from './cos-access.js';
import { deleteDirectly } from './direct-deletions.js';
import { type FileCallsContext, batchFiles, traceFiles } from './file-calls.js';
import { type WxCloudFileOutcome, itemFailure, settleEach } from './file-outcome.js';

/** The outcome of the deletion of one file. */
export type WxCloudDeleteOutcome = WxCloudFileOutcome<object>;

/** Deletes files. Concurrent deletions share calls. */
export class FileDeletions {
  readonly #context: FileCallsContext;
  readonly #cos: CosAccess | undefined;
  readonly #batcher: RequestBatcher<string, WxCloudDeleteOutcome>;

  /** Sends no request yet. `cos` is the direct access to the bucket, where there is one. */
  constructor(context: FileCallsContext, cos: CosAccess | undefined) {
    this.#context = context;
    this.#cos = cos;
    this.#batcher = batchFiles(context, {
      keyOf: fileId => fileId,
      fileIdOf: fileId => fileId,
      send: (fileIds, signal) => this.#send(fileIds, signal),
      isRepeated: true,
    });
  }

  /**
   * Deletes files: one outcome per file, in order. A file that does not exist counts as deleted.
   */
  delete(
    fileIds: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly WxCloudDeleteOutcome[]> {
    const work = () => this.#deleteAll(fileIds, signal);
    return traceFiles(channels.delete, this.#context, fileIds, work);
  }

  async #deleteAll(
    fileIds: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly WxCloudDeleteOutcome[]> {
    const { fileIdScope, linkCache } = this.#context;
    return settleEach(fileIdScope, fileIds, async accepted => {
      for (const fileId of accepted) linkCache.forget(fileId);
      try {
        return await this.#delete(accepted, signal);
      } finally {
        // Again, as a link may have been returned while the file still existed. A call that failed
        // may have deleted files, too.
        linkCache.forgetEverywhere(accepted);
      }
    });
  }

  /** Deletes files at the bucket, and by calls where that is not possible. */
  async #delete(
    fileIds: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly WxCloudDeleteOutcome[]> {
    if (this.#cos === undefined) return this.#batcher.ask(fileIds, signal);
    const files = fileIds.map(fileId => this.#context.fileIdScope.parse(fileId));
    const access = { cos: this.#cos, options: this.#context.options };
    const direct = await deleteDirectly(access, files, signal);
    const left = fileIds.filter((_, index) => direct[index] === undefined);
    const others = (await this.#batcher.ask(left, signal)).values();
    return direct.flatMap(outcome => outcome ?? others.next().value ?? []);
  }

  async #send(
    fileIds: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly WxCloudDeleteOutcome[]> {
    const { api, options } = this.#context;
    const body: DeleteFilesRequest = { env: options.env, fileid_list: fileIds };
    try {
      const response = await api.post(DELETE_FILES_ENDPOINT, body, signal);
      return decodeDeleteFiles(response, fileIds).map((item, index) =>
        toOutcome(fileIds[index] ?? '', item),
      );
    } catch (error) {
      const [fileId = '', ...others] = fileIds;
      // With several files it is unknown which one is missing; the others may still exist.
      if (others.length === 0 && isOfMissingFile(error)) return [{ fileId, ok: true }];
      throw error;
    }
  }
}

function isOfMissingFile(error: unknown): boolean {
  const { errcode: status, errmsg = '' } = error as Partial<WxCloudStorageError>;
  return status !== undefined && saysFileIsMissing({ status, errmsg });
}

function toOutcome(fileId: string, item: BatchItemStatus | undefined): WxCloudDeleteOutcome {
  // The response for a missing file is undocumented; either way the file is gone.
  if (item !== undefined && (item.status === 0 || saysFileIsMissing(item)))
    return { fileId, ok: true };
  return itemFailure(fileId, DELETE_FILES_ENDPOINT, `${fileId} was not deleted`, item);
}
