import { WxCloudStorageError } from '../errors/index.js';
import {
  decodeDeleteFiles,
  DELETE_FILES_ENDPOINT,
  saysFileIsMissing,
  type BatchItemStatus,
  type DeleteFilesRequest,
} from '../wire/index.js';
import { BatchGatherer } from './batch-gatherer.js';
import { settleEach, type FileList, type FileOutcome } from './file-outcome.js';
import type { StorageFoundation } from './storage-foundation.js';
import { repeat } from './repeat.js';
import { requestBatch } from './request-batch.js';

/** Whether one file is gone, or why not. */
export type DeleteOutcome = FileOutcome<object>;

/** Deletes files; what is to be deleted at the same time shares calls. */
export class FileDeletions {
  readonly #foundation: StorageFoundation;
  readonly #gatherer: BatchGatherer<string, DeleteOutcome>;

  /** Makes no call yet. */
  constructor(foundation: StorageFoundation) {
    this.#foundation = foundation;
    this.#gatherer = new BatchGatherer({
      windowMs: foundation.options.links.batchWindowMs,
      keyOf: fileId => fileId,
      request: (fileIds, signal) => this.#request({ fileIds, signal }),
    });
  }

  /** One outcome a file, in order. A file that does not exist counts as deleted. */
  async delete({ fileIds, signal }: FileList): Promise<readonly DeleteOutcome[]> {
    const { bucket, linkCache } = this.#foundation;
    const forget = (list: readonly string[]): void =>
      list.forEach(fileId => linkCache.forget(fileId));
    return settleEach(bucket, fileIds, async accepted => {
      forget(accepted);
      const outcomes = await this.#gatherer.ask(accepted, signal);
      // Once more: a link may have been handed out while the file was still there.
      forget(accepted);
      return outcomes;
    });
  }

  async #request({ fileIds, signal }: FileList): Promise<readonly DeleteOutcome[]> {
    return requestBatch({
      items: fileIds,
      fileIdOf: fileId => fileId,
      signal,
      send: items =>
        repeat(this.#foundation, { work: () => this.#send({ fileIds: items, signal }), signal }),
    });
  }

  async #send({ fileIds, signal }: FileList): Promise<readonly DeleteOutcome[]> {
    const { api, options } = this.#foundation;
    const body: DeleteFilesRequest = { env: options.env, fileid_list: fileIds };
    const answer = await api.post({ endpoint: DELETE_FILES_ENDPOINT, body, signal });
    return decodeDeleteFiles(answer, fileIds).map((item, index) =>
      toOutcome(fileIds[index] ?? '', item),
    );
  }
}

function toOutcome(fileId: string, item: BatchItemStatus): DeleteOutcome {
  // What WeChat answers for a missing file is not documented; either way the file is gone.
  if (item.status === 0 || saysFileIsMissing(item)) return { fileId, ok: true };
  const error = new WxCloudStorageError({
    code: 'WX_CLOUD_API_FAILED',
    message: `${DELETE_FILES_ENDPOINT}: ${fileId} was not deleted: ${item.status} (${item.errmsg}). Check its permissions.`,
    errcode: item.status,
    errmsg: item.errmsg,
    endpoint: DELETE_FILES_ENDPOINT,
  });
  return { fileId, ok: false, error };
}
