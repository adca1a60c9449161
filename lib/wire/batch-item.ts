import { malformed, readObject, type JsonObject } from './decoding.js';

/** The members that every item of a batch answer has. */
export interface BatchItemStatus {
  /** 0 when this file's part went well. */
  readonly status: number;
  /** WeChat's text for this file, e.g. `STORAGE_FILE_NONEXIST`. */
  readonly errmsg: string;
}

/** An item of a batch answer and the raw object it came from. */
export interface BatchItem extends BatchItemStatus {
  /** The item as it came. */
  readonly raw: JsonObject;
}

/** File APIs take at most this many files a call. @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/download.html */
export const BATCH_LIMIT = 50;

/**
 * Reads one item of a batch answer. Items match the request by position; the ID, which documents spell `fileid` and
 * some SDKs `file_id`, is checked when it is there. A bare string is the ID of a file that went well: the delete page's
 * type column says so, though its sample shows objects.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when the item is for another file
 */
export function decodeBatchItem(value: unknown, endpoint: string, fileId: string): BatchItem {
  const raw: JsonObject =
    typeof value === 'string' ? { fileid: value } : readObject(value, endpoint, 'list item');
  const answeredId = raw['fileid'] ?? raw['file_id'];
  if (typeof answeredId === 'string' && answeredId !== '' && answeredId !== fileId) {
    throw malformed(endpoint, 'the list is in another order than the request');
  }
  const { status, errmsg } = raw;
  return {
    raw,
    status: readStatus(status),
    errmsg: typeof errmsg === 'string' ? errmsg : '',
  };
}

/** Absent means 0; what is neither a number nor its text is NaN, and so no success. */
function readStatus(status: unknown): number {
  if (status === undefined) return 0;
  if (typeof status === 'string' && status.trim() !== '') return Number(status);
  return typeof status === 'number' ? status : NaN;
}

/** Whether an item says that there is no such file (or one whose `x-cos-meta-fileid` is dead, which WeChat reports alike). */
export function saysFileIsMissing(item: BatchItemStatus): boolean {
  return item.status === -503003 || /STORAGE_FILE_NONEXIST/.test(item.errmsg);
}
