import type { WxCloudStorageError } from '../errors/errors.js';
import {
  type BatchItemStatus,
  decodeDeleteFiles,
  DELETE_FILES_ENDPOINT,
  type DeleteFilesRequest,
  saysFileIsMissing,
} from '../wechat/endpoints.js';
import type { RequestBatcher } from './batching.js';
import { type FileCallsContext, batchFiles } from './file-calls.js';
import { type WxCloudFileOutcome, itemFailure, settleEach } from './file-outcome.js';

/** True when one file is gone, or why not. */
export type WxCloudDeleteOutcome = WxCloudFileOutcome<object>;

/** Deletes files; what is to be deleted at the same time shares calls. */
export class FileDeletions {
  readonly #context: FileCallsContext;
  readonly #gatherer: RequestBatcher<string, WxCloudDeleteOutcome>;

  /** Makes no call yet. */
  constructor(context: FileCallsContext) {
    this.#context = context;
    this.#gatherer = batchFiles(context, {
      keyOf: fileId => fileId,
      fileIdOf: fileId => fileId,
      send: (fileIds, signal) => this.#send(fileIds, signal),
      isRepeated: true,
    });
  }

  /** One outcome a file, in order. A file that does not exist counts as deleted. */
  async delete(
    fileIds: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly WxCloudDeleteOutcome[]> {
    const { fileIdScope, linkCache } = this.#context;
    const forget = (list: readonly string[]): void =>
      list.forEach(fileId => linkCache.forget(fileId));
    return settleEach(fileIdScope, fileIds, async accepted => {
      forget(accepted);
      const outcomes = await this.#gatherer.ask(accepted, signal);
      // Once more: a link may have been handed out while the file was still there.
      forget(accepted);
      return outcomes;
    });
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
      // Of several files it is not known which one is missing, and the others may still be there.
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
  // What WeChat answers for a missing file is not documented; either way the file is gone.
  if (item !== undefined && (item.status === 0 || saysFileIsMissing(item)))
    return { fileId, ok: true };
  return itemFailure(fileId, DELETE_FILES_ENDPOINT, `${fileId} was not deleted`, item);
}
