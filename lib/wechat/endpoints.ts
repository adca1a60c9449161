import { WxCloudStorageError } from '../errors/errors.js';
import { type FileIdForm, isAddressOf, isSameFile, readFileIdForm } from '../file-id/file-id.js';

/** A JSON object whose members are not checked yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Path of the classic token call (`GET`).
 * @see https://developers.weixin.qq.com/doc/service/guide/dev/api
 */
export const CLASSIC_TOKEN_ENDPOINT = '/cgi-bin/token';

/**
 * Path of the stable token call (`POST`).
 * @see https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken
 */
export const STABLE_TOKEN_ENDPOINT = '/cgi-bin/stable_token';

/**
 * The most files that the file APIs take in one call.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/download.html
 */
export const BATCH_LIMIT = 50;

/** Spellings in documents and SDKs. */
const ID_NAMES = ['fileid', 'file_id', 'fileID', 'fileId'] as const;

/**
 * Path of the call that deletes files (`POST`).
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/reference-http-api/storage/batchDeleteFile.en.md
 */
export const DELETE_FILES_ENDPOINT = '/tcb/batchdeletefile';

/**
 * Path of the call for temporary links (`POST`).
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/download.html
 */
export const DOWNLOAD_LINKS_ENDPOINT = '/tcb/batchdownloadfile';

/**
 * Path of the call for an upload link (`POST`).
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/upload.html
 */
export const UPLOAD_LINK_ENDPOINT = '/tcb/uploadfile';

/** The query of the classic token call. */
export interface ClassicTokenQuery {
  /** Always `client_credential`. */
  readonly grant_type: 'client_credential';
  /** The mini program's or account's AppID. */
  readonly appid: string;
  /** Its AppSecret. */
  readonly secret: string;
}

/** The JSON body of the stable token call. */
export interface StableTokenRequest extends ClassicTokenQuery {
  /**
   * True invalidates the previous token at once; at most 20 times a day.
   * @defaultValue false
   */
  readonly force_refresh?: boolean;
}

/** A successful response of both token calls; without `errcode`. */
export interface AccessTokenReply {
  /** Up to 512 characters. */
  readonly access_token: string;
  /** Seconds; 7200 at most. */
  readonly expires_in: number;
}

/** An access token and its lifetime. */
export interface AccessToken {
  /** The token; a secret. */
  readonly accessToken: string;
  /** Lifetime in seconds, counted from the response. */
  readonly expiresInSeconds: number;
}

/**
 * Reads the response of either token call.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED`
 */
export function decodeAccessToken(value: unknown, endpoint: string): AccessToken {
  const reply = readObject(value, endpoint);
  const life = reply['expires_in'];
  const expiresInSeconds = typeof life === 'string' ? Number(life) : life;
  if (
    typeof expiresInSeconds !== 'number' ||
    !Number.isFinite(expiresInSeconds) ||
    expiresInSeconds <= 0
  )
    throw malformed(endpoint, 'expires_in is not a positive number');
  return { accessToken: readText(reply, 'access_token', endpoint), expiresInSeconds };
}

/** Members that every item of a batch response has. */
export interface BatchItemStatus {
  /** 0 for a success; NaN when it is not a number. */
  readonly status: number;
  /** WeChat's text for this file, e.g. `STORAGE_FILE_NONEXIST`. */
  readonly errmsg: string;
}

/** An item of a batch response, with the raw object. */
interface BatchItem extends BatchItemStatus {
  /** The item as received. */
  readonly raw: JsonObject;
  /** The file ID in the item's spelling; undefined when it has none. */
  readonly fileId: string | undefined;
}

/**
 * Reads one item of a batch response; undefined for anything that is not an item. A bare string is
 * the ID of a successful file: the type column of the delete page says so, though its sample shows
 * objects.
 */
export function decodeBatchItem(value: unknown): BatchItem | undefined {
  if (typeof value === 'string') return { raw: {}, fileId: value, status: 0, errmsg: '' };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const raw = value as JsonObject;
  const said = ID_NAMES.map(name => raw[name]).find(id => id !== undefined && id !== null);
  const { status, errmsg } = raw;
  return {
    raw,
    fileId: said === undefined || said === '' ? undefined : String(said),
    status: readStatus(status),
    errmsg: typeof errmsg === 'string' ? errmsg : '',
  };
}

/** An absent status means 0. Anything but a number or its text is NaN, which is not a success. */
function readStatus(status: unknown): number {
  if (status === undefined) return 0;
  if (typeof status === 'string' && status.trim() !== '') return Number(status);
  return typeof status === 'number' ? status : NaN;
}

/** An item with the file it claims to be about. */
interface Candidate {
  readonly item: BatchItem;
  readonly form: FileIdForm | undefined;
  readonly link: string | undefined;
}

/**
 * Finds the item of each file, in the order of the files; undefined for a file without a
 * recognisable item. An ID decides, in any spelling: no two files of a call have the same normal
 * form. An item without an ID counts for the file at its position, if there are as many items as
 * files: an item with a link when the link belongs to that file, any other item when no item of the
 * list is out of order.
 */
function matchBatchItems(
  list: readonly unknown[],
  fileIds: readonly string[],
  linkOf: (item: BatchItem) => string | undefined = () => undefined,
): readonly (BatchItem | undefined)[] {
  const candidates = list.map(value => toCandidate(decodeBatchItem(value), linkOf));
  const asked = fileIds.map(readFileIdForm);
  const isComplete = candidates.length === asked.length;
  const isInOrder =
    isComplete && candidates.every((one, index) => belongsTo(one, asked[index]) !== false);
  return asked.map((form, index) => {
    const named =
      candidates.find(one => one?.item.fileId === fileIds[index]) ??
      candidates.find(one => one?.form !== undefined && isSameFile(one.form, form));
    if (named !== undefined) return named.item;
    const here = isComplete ? candidates[index] : undefined;
    if (here === undefined || here.form !== undefined) return undefined;
    const isMatch = belongsTo(here, form) ?? isInOrder;
    return isMatch ? here.item : undefined;
  });
}

function toCandidate(
  item: BatchItem | undefined,
  linkOf: (item: BatchItem) => string | undefined,
): Candidate | undefined {
  if (item === undefined) return undefined;
  const form = item.fileId === undefined ? undefined : readFileIdForm(item.fileId);
  return { item, form, link: linkOf(item) };
}

/**
 * True when an item belongs to a file, by its ID or else its link; undefined when it has neither.
 */
function belongsTo(one: Candidate | undefined, asked: FileIdForm | undefined): boolean | undefined {
  if (one === undefined || asked === undefined) return undefined;
  if (one.form !== undefined) return isSameFile(one.form, asked);
  return one.link === undefined ? undefined : isAddressOf(one.link, asked);
}

/**
 * True when an item says that the file does not exist. WeChat reports a file with a dead
 * `x-cos-meta-fileid` in the same way.
 */
export function saysFileIsMissing(item: BatchItemStatus): boolean {
  return item.status === -503003 || /STORAGE_FILE_NONEXIST/.test(item.errmsg);
}

/** The JSON body of the delete call. */
export interface DeleteFilesRequest {
  /** The environment ID. */
  readonly env: string;
  /** 50 at most. */
  readonly fileid_list: readonly string[];
}

/** The response of the delete call. */
export interface DeleteFilesReply {
  /** One item per file, in the order of the request. */
  readonly delete_list: readonly {
    /** The file ID. */
    readonly fileid: string;
    /** 0 when the file has been deleted. */
    readonly status: number;
    /** `ok`, or the reason. */
    readonly errmsg: string;
  }[];
}

/**
 * Reads the response for the given file IDs, in their order; undefined for a file without a
 * recognisable item.
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

/** The JSON body of the download links call. */
export interface DownloadLinksRequest {
  /** The environment ID. */
  readonly env: string;
  /** 50 at most. */
  readonly file_list: readonly {
    /** The file ID. */
    readonly fileid: string;
    /** Lifetime of the link in seconds. */
    readonly max_age: number;
  }[];
}

/** The response of the download links call. */
export interface DownloadLinksReply {
  /** One item per file, in the order of the request. */
  readonly file_list: readonly {
    /** The file ID. */
    readonly fileid: string;
    /** The link; empty when `status` is not 0. */
    readonly download_url: string;
    /** 0 for a success, 1 for a missing file. */
    readonly status: number;
    /** `ok`, or e.g. `STORAGE_FILE_NONEXIST`. */
    readonly errmsg: string;
  }[];
}

/** The result for one file. */
export interface DownloadLinkItem extends BatchItemStatus {
  /** The link; empty when it is missing or not an http(s) address. */
  readonly url: string;
}

/**
 * Reads the response for the given file IDs, in their order; undefined for a file without a
 * recognisable item.
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

/** The JSON body of the upload link call. */
export interface UploadLinkRequest {
  /** The environment ID. */
  readonly env: string;
  /** The object's path, without a leading slash. */
  readonly path: string;
}

/** The response of the upload link call. */
export interface UploadLinkReply {
  /** Target of the form's `POST`: a path-style COS address. */
  readonly url: string;
  /** Form field `x-cos-security-token`. */
  readonly token: string;
  /** Form field `Signature`; contains its validity period as `q-sign-time`. */
  readonly authorization: string;
  /** The file ID that the object will have. */
  readonly file_id: string;
  /** Form field `x-cos-meta-fileid`. */
  readonly cos_file_id: string;
}

/**
 * Everything that one form upload to COS needs. Valid for one path and, as observed, for 900
 * seconds.
 */
export interface UploadLink {
  /** Target of the form's `POST`, as received. */
  readonly url: string;
  /** The same address, parsed. */
  readonly address: URL;
  /** Sent as `Signature`; a secret. */
  readonly signature: string;
  /** Sent as `x-cos-security-token`; a secret. */
  readonly securityToken: string;
  /** Sent as `x-cos-meta-fileid`: without it the upload succeeds but the file ID is dead. */
  readonly metaFileId: string;
  /** The file ID that the object will have. */
  readonly fileId: string;
}

/**
 * Reads the response of the upload link call.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED`
 */
export function decodeUploadLink(value: unknown): UploadLink {
  const reply = readObject(value, UPLOAD_LINK_ENDPOINT);
  const text = (name: keyof UploadLinkReply): string => readText(reply, name, UPLOAD_LINK_ENDPOINT);
  const url = text('url');
  return {
    url,
    address: readAddress(url),
    signature: text('authorization'),
    securityToken: text('token'),
    metaFileId: text('cos_file_id'),
    fileId: text('file_id'),
  };
}

/** The last parsed address: all links of a bucket have the same one. */
let lastAddress: { readonly text: string; readonly address: URL } | undefined;

function readAddress(text: string): URL {
  if (lastAddress?.text !== text) lastAddress = { text, address: parseAddress(text) };
  return lastAddress.address;
}

function parseAddress(text: string): URL {
  // Clients receive the text itself, and may not read a sloppy address as `URL` does.
  const address = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (address !== undefined) return address;
  throw malformed(UPLOAD_LINK_ENDPOINT, 'url is not an http(s) address');
}

/**
 * Creates the error for a response that differs from the documents; names the endpoint and the
 * faulty part.
 */
export function malformed(endpoint: string, problem: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${endpoint}: the response differs from WeChat's documentation: ${problem}. If there is a proxy in between, check it.`,
    retryable: true,
    endpoint,
  });
}

/**
 * Reads a JSON object.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` for anything else
 */
function readObject(value: unknown, endpoint: string, name = 'body'): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(endpoint, `${name} is not an object`);
  }
  return value as JsonObject;
}

/**
 * Reads a non-empty string.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` for anything else
 */
function readText(from: JsonObject, name: string, endpoint: string): string {
  const value = from[name];
  if (typeof value !== 'string' || value === '') throw malformed(endpoint, `${name} is missing`);
  return value;
}

/**
 * Reads a list.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` for anything else
 */
function readList(from: JsonObject, name: string, endpoint: string): readonly unknown[] {
  const value = from[name];
  if (!Array.isArray(value)) throw malformed(endpoint, `${name} is not a list`);
  return value;
}
