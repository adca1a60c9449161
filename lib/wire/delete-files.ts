import { matchBatchItems, type BatchItemStatus } from './batch-item.js';
import { readList, readObject } from './decoding.js';

/** `POST` to this to delete files. @see https://developers.weixin.qq.com/minigame/dev/wxcloud/reference-http-api/storage/batchDeleteFile.en.md */
export const DELETE_FILES_ENDPOINT = '/tcb/batchdeletefile';

/** The JSON body of the delete call. */
export interface DeleteFilesRequest {
  /** The environment ID. */
  readonly env: string;
  /** 50 at most. */
  readonly fileid_list: readonly string[];
}

/** What the delete call answers. */
export interface DeleteFilesReply {
  /** One item a file, in the order of the request. */
  readonly delete_list: readonly {
    /** The file ID. */
    readonly fileid: string;
    /** 0 when the file is gone. */
    readonly status: number;
    /** `ok`, or the reason. */
    readonly errmsg: string;
  }[];
}

/**
 * Reads the answer for the given file IDs, in their order; undefined for a file of which the answer
 * says nothing that can be told to be about it.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when there is no list
 */
export function decodeDeleteFiles(
  value: unknown,
  fileIds: readonly string[],
): readonly (BatchItemStatus | undefined)[] {
  const reply = readObject(value, DELETE_FILES_ENDPOINT);
  const list = readList(reply, 'delete_list', DELETE_FILES_ENDPOINT);
  return matchBatchItems(list, fileIds).map(
    item => item && { status: item.status, errmsg: item.errmsg },
  );
}
