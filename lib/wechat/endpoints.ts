import { WxCloudStorageError } from '../errors/errors.js';
import { type FileIdForm, isAddressOf, isSameFile, readFileIdForm } from '../file-id/file-id.js';

/** A JSON object of which nothing is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * `GET` this for a classic token.
 * @see https://developers.weixin.qq.com/doc/service/guide/dev/api
 */
export const CLASSIC_TOKEN_ENDPOINT = '/cgi-bin/token';

/**
 * `POST` to this for a stable token.
 * @see https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken
 */
export const STABLE_TOKEN_ENDPOINT = '/cgi-bin/stable_token';

/**
 * File APIs take at most this many files a call.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/download.html
 */
export const BATCH_LIMIT = 50;

/** The spellings of documents and SDKs. */
const ID_NAMES = ['fileid', 'file_id', 'fileID', 'fileId'] as const;

/**
 * `POST` to this to delete files.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/reference-http-api/storage/batchDeleteFile.en.md
 */
export const DELETE_FILES_ENDPOINT = '/tcb/batchdeletefile';

/**
 * `POST` to this for temporary links.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/download.html
 */
export const DOWNLOAD_LINKS_ENDPOINT = '/tcb/batchdownloadfile';

/**
 * `POST` to this for an upload link.
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
  /** True voids the previous token at once; at most 20 times a day. @defaultValue false */
  readonly force_refresh?: boolean;
}

/** What both token calls answer on success; neither carries `errcode` then. */
export interface AccessTokenReply {
  /** Up to 512 characters. */
  readonly access_token: string;
  /** Seconds; 7200 at most. */
  readonly expires_in: number;
}

/** An access token and how long it lives from the moment of the answer. */
export interface AccessToken {
  /** The token; a secret. */
  readonly accessToken: string;
  /** Its life in seconds, counted from the answer. */
  readonly expiresInSeconds: number;
}

/**
 * Reads the answer of either token call.
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

/** The members that every item of a batch answer has. */
export interface BatchItemStatus {
  /** 0 when this file's part went well; NaN when it is no number. */
  readonly status: number;
  /** WeChat's text for this file, e.g. `STORAGE_FILE_NONEXIST`. */
  readonly errmsg: string;
}

/** An item of a batch answer and the raw object it came from. */
interface BatchItem extends BatchItemStatus {
  /** The item as it came. */
  readonly raw: JsonObject;
  /** The file ID as the item spells it; undefined when it has none. */
  readonly fileId: string | undefined;
}

/**
 * Reads one item of a batch answer; undefined for what is not an item. A bare string is the ID of a
 * file that went well: the delete page's type column says so, though its sample shows objects.
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

/** Absent means 0; what is neither a number nor its text is NaN, and so no success. */
function readStatus(status: unknown): number {
  if (status === undefined) return 0;
  if (typeof status === 'string' && status.trim() !== '') return Number(status);
  return typeof status === 'number' ? status : NaN;
}

/** An item, and which file it says to be about. */
interface Candidate {
  readonly item: BatchItem;
  readonly form: FileIdForm | undefined;
  readonly link: string | undefined;
}

/**
 * Finds the item of each file, in the order of the files; undefined for a file of which no item can
 * be told to be. An ID decides, in whatever form it comes back: no two files of a call have the
 * same normal form. An item without one counts for the file at its position, if there are as many
 * items as files: one with a link when the link is that file's, another one when nothing in the
 * list stands elsewhere.
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
    isComplete && candidates.every((one, index) => standsFor(one, asked[index]) !== false);
  return asked.map((form, index) => {
    const named =
      candidates.find(one => one?.item.fileId === fileIds[index]) ??
      candidates.find(one => one?.form !== undefined && isSameFile(one.form, form));
    if (named !== undefined) return named.item;
    const here = isComplete ? candidates[index] : undefined;
    if (here === undefined || here.form !== undefined) return undefined;
    const isItsOwn = standsFor(here, form) ?? isInOrder;
    return isItsOwn ? here.item : undefined;
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
 * True when an item is that of a file, by its ID or else its link; undefined when it has neither.
 */
function standsFor(one: Candidate | undefined, asked: FileIdForm | undefined): boolean | undefined {
  if (one === undefined || asked === undefined) return undefined;
  if (one.form !== undefined) return isSameFile(one.form, asked);
  return one.link === undefined ? undefined : isAddressOf(one.link, asked);
}

/**
 * True when an item says that there is no such file (or one whose `x-cos-meta-fileid` is dead,
 * which WeChat reports alike).
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

/** The JSON body of the upload link call. */
export interface UploadLinkRequest {
  /** The environment ID. */
  readonly env: string;
  /** The object's path, without a leading slash. */
  readonly path: string;
}

/** What the upload link call answers. */
export interface UploadLinkReply {
  /** Where to `POST` the form: a path-style COS address. */
  readonly url: string;
  /** Form field `x-cos-security-token`. */
  readonly token: string;
  /** Form field `Signature`; holds its window as `q-sign-time`. */
  readonly authorization: string;
  /** The file ID that the object will have. */
  readonly file_id: string;
  /** Form field `x-cos-meta-fileid`. */
  readonly cos_file_id: string;
}

/**
 * Everything that one form upload to COS needs. Valid for one path and, as publishOutcome, 900 seconds.
 */
export interface UploadLink {
  /** Where to `POST` the form, as WeChat says it. */
  readonly url: string;
  /** The same, taken apart. */
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
 * Reads the answer of the upload link call.
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

/** The links of a bucket have one address. */
let lastAddress: { readonly text: string; readonly address: URL } | undefined;

function readAddress(text: string): URL {
  if (lastAddress?.text !== text) lastAddress = { text, address: parseAddress(text) };
  return lastAddress.address;
}

function parseAddress(text: string): URL {
  // The text itself is given to clients, who may not read a sloppy one as `URL` does.
  const address = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (address !== undefined) return address;
  throw malformed(UPLOAD_LINK_ENDPOINT, 'url is not an http(s) address');
}

/**
 * The error for an answer that is not what the documents say; names the endpoint and the part at
 * fault.
 */
export function malformed(endpoint: string, what: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${endpoint}: the answer is not what WeChat documents: ${what}. If a proxy stands between, check it.`,
    retryable: true,
    endpoint,
  });
}

/**
 * Reads a JSON object.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when it is anything else
 */
function readObject(value: unknown, endpoint: string, name = 'body'): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(endpoint, `${name} is not an object`);
  }
  return value as JsonObject;
}

/**
 * Reads a string that is not empty.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when it is anything else
 */
function readText(from: JsonObject, name: string, endpoint: string): string {
  const value = from[name];
  if (typeof value !== 'string' || value === '') throw malformed(endpoint, `${name} is missing`);
  return value;
}

/**
 * Reads a list.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when it is anything else
 */
function readList(from: JsonObject, name: string, endpoint: string): readonly unknown[] {
  const value = from[name];
  if (!Array.isArray(value)) throw malformed(endpoint, `${name} is not a list`);
  return value;
}
