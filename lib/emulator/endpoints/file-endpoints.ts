import type {
  DeleteFilesReply,
  DownloadLinksReply,
  UploadLinkReply,
} from '../../wechat/endpoints.js';
import { encodePath, isCloudPath, namedPaths, resolveFileId } from '../state/cloud-paths.js';
import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { WxCloudEmulatorFaultEffect } from '../state/fault-effects.js';
import {
  invalid,
  readBatch,
  readFileRequest,
  readItem,
  readString,
  readWhole,
} from './api-request.js';
import type { Exchange } from './exchange.js';
import { type EmulatedResponse, jsonResponse } from './responses.js';

type DownloadItem = DownloadLinksReply['file_list'][number];
type DeleteItem = DeleteFilesReply['delete_list'][number];

const OK = { errcode: 0, errmsg: 'ok' } as const;
const MAX_AGE_SECONDS = [1, 86_400] as const;
const MISSING_FILE = { status: 1, errmsg: 'STORAGE_FILE_NONEXIST' } as const;

/**
 * Handles `POST /tcb/uploadfile`.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/upload.html
 */
export async function respondWithUploadLink(
  exchange: Exchange,
  cloud: EmulatedCloud,
): Promise<EmulatedResponse> {
  const request = await readFileRequest(exchange, cloud);
  const path = readString(request, 'path');
  if (!isCloudPath(path)) throw invalid('path');
  exchange.cloudPaths = Object.freeze([path]);
  const grant = cloud.uploadLinks.issue(path);
  const reply: UploadLinkReply = {
    url: `${cloud.url}/${cloud.options.bucket}/${encodePath(path)}`,
    token: grant.securityToken,
    authorization: grant.signature,
    file_id: cloud.fileIdPrefix + path,
    cos_file_id: grant.metaFileId,
  };
  return jsonResponse({ ...OK, ...reply });
}

/**
 * Handles `POST /tcb/batchdownloadfile`.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/download.html
 */
export async function respondWithDownloadLinks(
  exchange: Exchange,
  cloud: EmulatedCloud,
  effect: WxCloudEmulatorFaultEffect | undefined,
): Promise<EmulatedResponse> {
  const request = await readFileRequest(exchange, cloud);
  const wanted = readBatch(request, 'file_list').map(value => {
    const item = readItem(value, 'file_list');
    return {
      fileid: readString(item, 'fileid'),
      maxAge: readWhole(item, 'max_age', MAX_AGE_SECONDS),
    };
  });
  exchange.cloudPaths = namedPaths(
    wanted.map(({ fileid }) => fileid),
    cloud,
  );
  const reply: DownloadLinksReply = {
    file_list: wanted.map(
      ({ fileid, maxAge }, index) =>
        toFailure(fileid, index, effect, { download_url: '' }) ?? toLink(fileid, maxAge, cloud),
    ),
  };
  return jsonResponse({ ...OK, ...reply });
}

/**
 * Handles `POST /tcb/batchdeletefile`.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/reference-http-api/storage/batchDeleteFile.en.md
 */
export async function respondToDelete(
  exchange: Exchange,
  cloud: EmulatedCloud,
  effect: WxCloudEmulatorFaultEffect | undefined,
): Promise<EmulatedResponse> {
  const request = await readFileRequest(exchange, cloud);
  const fileIds = readBatch(request, 'fileid_list').map(fileid => readString({ fileid }, 'fileid'));
  exchange.cloudPaths = namedPaths(fileIds, cloud);
  const items: DeleteItem[] = [];
  for (const [index, fileId] of fileIds.entries()) {
    items.push(toFailure(fileId, index, effect, {}) ?? (await deleteFile(fileId, cloud)));
  }
  const reply: DeleteFilesReply = { delete_list: items };
  return jsonResponse({ ...OK, ...reply });
}

/**
 * Returns the item of the response if a fault makes it fail; undefined otherwise. `members` are its
 * further members.
 */
function toFailure<T extends object>(
  fileid: string,
  index: number,
  effect: WxCloudEmulatorFaultEffect | undefined,
  members: T,
): ({ fileid: string; status: number; errmsg: string } & T) | undefined {
  if (effect?.kind !== 'item' || (effect.index ?? index) !== index) return undefined;
  return { fileid, ...members, status: effect.status, errmsg: effect.errmsg };
}

function toLink(fileid: string, maxAge: number, cloud: EmulatedCloud): DownloadItem {
  const target = resolveFileId(fileid, cloud);
  if (target.cloudPath === undefined)
    return { fileid, download_url: '', status: 1, errmsg: target.errmsg };
  const { cloudPath } = target;
  const isAlive = cloud.store.objects.get(cloudPath)?.fileIdAlive === true;
  if (!isAlive) return { fileid, download_url: '', ...MISSING_FILE };
  const { bucket, downloadLinks } = cloud.options;
  const path = downloadLinks === 'raw' ? cloudPath : encodePath(cloudPath);
  const address = `${cloud.url}/download/${bucket}/${path}`;
  const query = cloud.downloadLinks.issue(cloudPath, maxAge);
  return { fileid, download_url: `${address}?${query}`, status: 0, errmsg: 'ok' };
}

/** Deletes an object, even one whose file ID does not work: it is deleted before a new upload. */
async function deleteFile(fileid: string, cloud: EmulatedCloud): Promise<DeleteItem> {
  const target = resolveFileId(fileid, cloud);
  if (target.cloudPath === undefined) return { fileid, status: 1, errmsg: target.errmsg };
  if (!cloud.store.objects.has(target.cloudPath)) return { fileid, ...MISSING_FILE };
  await cloud.store.delete(target.cloudPath);
  return { fileid, status: 0, errmsg: 'ok' };
}
