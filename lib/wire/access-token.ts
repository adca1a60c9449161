import { malformed, readObject, readText } from './decoding.js';

/** `GET` this for a classic token. @see https://developers.weixin.qq.com/doc/service/guide/dev/api */
export const CLASSIC_TOKEN_ENDPOINT = '/cgi-bin/token';

/** `POST` to this for a stable token. @see https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken */
export const STABLE_TOKEN_ENDPOINT = '/cgi-bin/stable_token';

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

/** Reads the answer of either token call. @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` */
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
