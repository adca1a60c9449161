import { matchBatchItems, type BatchItem, type BatchItemStatus } from './batch-item.js';
import { readList, readObject } from './decoding.js';

/** `POST` to this for temporary links. @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/download.html */
export const DOWNLOAD_LINKS_ENDPOINT = '/tcb/batchdownloadfile';

/** The JSON body of the download links call. */
export interface DownloadLinksRequest {
  /** The environment ID. */
  readonly env: string;
  /** 50 at most. */
  readonly file_list: readonly {
    /** The file ID. */
    readonly fileid: string;
    /** The link's life in seconds. */
    readonly max_age: number;
  }[];
}

/** What the download links call answers. */
export interface DownloadLinksReply {
  /** One item a file, in the order of the request. */
  readonly file_list: readonly {
    /** The file ID. */
    readonly fileid: string;
    /** The link; empty when `status` is not 0. */
    readonly download_url: string;
    /** 0 when all went well, 1 for a missing file. */
    readonly status: number;
    /** `ok`, or e.g. `STORAGE_FILE_NONEXIST`. */
    readonly errmsg: string;
  }[];
}

/** One file's part of the answer. */
export interface DownloadLinkItem extends BatchItemStatus {
  /** The link; empty when there is none, or it is no http(s) address. */
  readonly url: string;
}

/**
 * Reads the answer for the given file IDs, in their order; undefined for a file of which the answer
 * says nothing that can be told to be about it.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when there is no list
 */
export function decodeDownloadLinks(
  value: unknown,
  fileIds: readonly string[],
): readonly (DownloadLinkItem | undefined)[] {
  const reply = readObject(value, DOWNLOAD_LINKS_ENDPOINT);
  const list = readList(reply, 'file_list', DOWNLOAD_LINKS_ENDPOINT);
  return matchBatchItems(list, fileIds, readLink).map(
    item => item && { status: item.status, errmsg: item.errmsg, url: readLink(item) ?? '' },
  );
}

function readLink({ raw }: BatchItem): string | undefined {
  const url = raw['download_url'];
  const isLink = typeof url === 'string' && /^https?:\/\//.test(url) && URL.canParse(url);
  return isLink ? url : undefined;
}
