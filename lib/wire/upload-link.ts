import { malformed, readObject, readText } from './decoding.js';

/** `POST` to this for an upload link. @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/upload.html */
export const UPLOAD_LINK_ENDPOINT = '/tcb/uploadfile';

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

/** Everything that one form upload to COS needs. Valid for one path and, as observed, 900 seconds. */
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

/** Reads the answer of the upload link call. @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` */
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
