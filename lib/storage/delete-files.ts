import { WxCloudStorageError } from '../errors/index.js';
import {
  decodeDeleteFiles,
  DELETE_FILES_ENDPOINT,
  saysFileIsMissing,
  type BatchItemStatus,
  type DeleteFilesRequest,
} from '../wire/index.js';
import { settleEach, type FileList, type FileOutcome } from './file-outcome.js';
import { repeat } from './repeat.js';
import type { StorageContext } from './storage-context.js';

/** Whether one file is gone, or why not. */
export type DeleteOutcome = FileOutcome<object>;

/** Deletes files: one outcome a file, in order. A file that does not exist counts as deleted. */
export async function deleteFiles(
  context: StorageContext,
  { fileIds, signal }: FileList,
): Promise<readonly DeleteOutcome[]> {
  return settleEach<object>(context, { fileIds, signal }, async batch => {
    const items = await requestBatch(context, { fileIds: batch, signal });
    return items.map((item, index) => toOutcome(batch[index] ?? '', item));
  });
}

async function requestBatch(
  context: StorageContext,
  { fileIds, signal }: FileList,
): Promise<readonly BatchItemStatus[]> {
  const { api, options } = context;
  const body: DeleteFilesRequest = { env: options.env, fileid_list: fileIds };
  const call = { endpoint: DELETE_FILES_ENDPOINT, body, signal };
  const work = async (): Promise<readonly BatchItemStatus[]> =>
    decodeDeleteFiles(await api.post(call), fileIds);
  return repeat(context, { work, signal });
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
