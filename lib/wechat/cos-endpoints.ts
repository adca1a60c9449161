import { type JsonObject, malformed } from './endpoints.js';

/**
 * Path of the sidecar's call for temporary keys of the bucket (`GET`).
 * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudservice/wxcloudrun/src/development/storage/service/cos-sdk.html
 */
export const COS_KEYS_ENDPOINT = '/_/cos/getauth';

/**
 * Path of the sidecar's call that signs file IDs (`POST`).
 * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudservice/wxcloudrun/src/development/storage/service/cos-sdk.html
 */
export const ENCODE_META_IDS_ENDPOINT = '/_/cos/metaid/encode';

/**
 * Path of the sidecar's call that reads a signed file ID (`POST`).
 * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudservice/wxcloudrun/src/development/storage/service/cos-sdk.html
 */
export const DECODE_META_ID_ENDPOINT = '/_/cos/metaid/decode';

/** Named in errors of the application's own function for keys, in place of a remote operation. */
export const CUSTOM_COS_KEYS = 'cos.credentials';

/** Temporary keys of the bucket. */
interface ContainerKeys {
  /** Names the key. */
  readonly secretId: string;
  /** The key; a secret. */
  readonly secretKey: string;
  /** The session token; a secret. */
  readonly token: string;
  /** End of the validity in milliseconds since 1970. */
  readonly expiresAtMs: number;
}

/**
 * Reads the response of the call for keys.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED`
 */
export function decodeCosKeys(value: unknown): ContainerKeys {
  const reply = (value ?? {}) as JsonObject;
  const text = (name: string): string => {
    const found = reply[name];
    if (typeof found === 'string' && found !== '') return found;
    throw malformed(COS_KEYS_ENDPOINT, `${name} is missing`);
  };
  const keys = {
    secretId: text('TmpSecretId'),
    secretKey: text('TmpSecretKey'),
    token: text('Token'),
  };
  const ends = reply['ExpiredTime'];
  // Samples show text, projects read a number.
  const seconds = typeof ends === 'string' && ends.trim() !== '' ? Number(ends) : ends;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds <= 0) {
    throw malformed(COS_KEYS_ENDPOINT, 'ExpiredTime is not a time in seconds');
  }
  return { ...keys, expiresAtMs: seconds * 1000 };
}

/** The JSON body of the call that signs file IDs. */
export interface EncodeMetaIdsRequest {
  /** The owner; empty for the application itself. */
  readonly openid: string;
  /** The bucket. */
  readonly bucket: string;
  /** The paths, each with a leading slash. */
  readonly paths: readonly string[];
}

/**
 * Reads the signed file IDs, in the order of the paths; undefined for one that cannot be used. The
 * list itself is undefined when it has another length, and cannot be matched to the paths.
 */
export function decodeMetaIds(
  value: unknown,
  count: number,
): readonly (string | undefined)[] | undefined {
  const { respdata } = value as JsonObject;
  const list = ((respdata ?? {}) as JsonObject)['x_cos_meta_field_strs'];
  if (!Array.isArray(list) || list.length !== count) return undefined;
  return list.map((item: unknown) => (isMetaId(item) ? item : undefined));
}

/** True for a text that can be sent as a header of 2 KiB at most. */
function isMetaId(item: unknown): item is string {
  return typeof item === 'string' && /^[\x21-\x7e]{1,2048}$/.test(item);
}

/** The owner of an object, as signed into its file ID. */
export interface MetaIdContent {
  /** The owner; empty for the application itself. */
  readonly openid: string;
  /** The bucket. */
  readonly bucket: string;
  /** The path without a leading slash. */
  readonly path: string;
}

/**
 * Reads the content of a signed file ID.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED`
 */
export function decodeMetaIdContent(value: unknown): MetaIdContent {
  const { respdata } = value as JsonObject;
  const raw = ((respdata ?? {}) as JsonObject)['raw_data'];
  const content = (typeof raw === 'string' ? parseContent(raw) : raw) as JsonObject | undefined;
  const { openid, bucket, path } = content ?? {};
  if (typeof openid === 'string' && typeof bucket === 'string' && typeof path === 'string') {
    return { openid, bucket, path: path.replace(/^\/+/, '') };
  }
  throw malformed(DECODE_META_ID_ENDPOINT, 'raw_data has no openid, bucket and path');
}

/** The pages show an object; "JSON" in their words may mean a text too. */
function parseContent(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
