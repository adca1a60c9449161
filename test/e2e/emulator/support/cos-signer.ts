import { createHash, createHmac } from 'node:crypto';
import type { WxCloudEmulator } from '../../../../lib/emulator/index.js';
import { type RawRequest, type RawResponse, send } from './raw-http.js';

/** Keys for the bucket. */
export interface CosKeys {
  readonly secretId: string;
  readonly secretKey: string;
  readonly securityToken?: string;
}

/** Permanent keys for the option `cos.keys`. */
export const PERMANENT_KEYS = {
  secretId: 'AKIDfake0permanent0id',
  secretKey: 'fake0permanent0key',
};

/** A request to sign. */
export interface CosCall extends RawRequest {
  /** The object's path, not encoded; the bucket itself by default. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly keys?: CosKeys;
  /** Seconds by which the signer's clock is ahead. */
  readonly skew?: number;
  /** The base URL, by default that of the bucket. */
  readonly base?: string;
  /** The path that is signed, by default that of the key. */
  readonly signedPath?: string;
}

type Pairs = Readonly<Record<string, string>>;

const hmac = (key: string, text: string): string =>
  createHmac('sha1', key).update(text).digest('hex');
const encode = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** Requests temporary keys from the sidecar. */
export async function fetchCosKeys({
  sidecarUrl,
}: Pick<WxCloudEmulator, 'sidecarUrl'>): Promise<CosKeys> {
  const { text } = await send(`${sidecarUrl}/_/cos/getauth`);
  const reply = JSON.parse(text) as Record<string, string>;
  return {
    secretId: String(reply['TmpSecretId']),
    secretKey: String(reply['TmpSecretKey']),
    securityToken: String(reply['Token']),
  };
}

function signable(pairs: Pairs): { list: string; text: string } {
  const sorted = Object.entries(pairs)
    .map(([name, value]) => [encode(name).toLowerCase(), encode(value)] as const)
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  return {
    list: sorted.map(([name]) => name).join(';'),
    text: sorted.map(([name, value]) => `${name}=${value}`).join('&'),
  };
}

/** Creates the parts of an authorization for a request. */
export function authorizationOf(
  { secretId, secretKey }: CosKeys,
  { method = 'GET', key = '', query = {}, headers = {}, skew = 0, signedPath }: CosCall,
  lifeSeconds = 600,
): Pairs {
  const start = Math.floor(Date.now() / 1_000) + skew;
  const time = `${start};${start + lifeSeconds}`;
  const [signedHeaders, parameters] = [signable(headers), signable(query)];
  const path = signedPath ?? `/${key}`;
  const request = `${method.toLowerCase()}\n${path}\n${parameters.text}\n${signedHeaders.text}\n`;
  const digest = createHash('sha1').update(request).digest('hex');
  return {
    'q-sign-algorithm': 'sha1',
    'q-ak': secretId,
    'q-sign-time': time,
    'q-key-time': time,
    'q-header-list': signedHeaders.list,
    'q-url-param-list': parameters.list,
    'q-signature': hmac(hmac(secretKey, time), `sha1\n${time}\n${digest}\n`),
  };
}

/** Sends a signed request to the bucket, with fresh keys unless some are given. */
export async function callCos(
  emulator: Pick<WxCloudEmulator, 'sidecarUrl' | 'cosEndpoint'>,
  call: CosCall,
): Promise<RawResponse> {
  const { key = '', query = {}, base = emulator.cosEndpoint } = call;
  const keys = call.keys ?? (await fetchCosKeys(emulator));
  const url = new URL(`${base}/${key.split('/').map(encodeURIComponent).join('/')}`);
  const headers = { host: url.host, ...call.headers };
  const signed = Object.entries(authorizationOf(keys, { ...call, headers }));
  const search = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
  const token = keys.securityToken;
  return send(search.length === 0 ? String(url) : `${url}?${search.join('&')}`, {
    ...call,
    headers: {
      ...headers,
      authorization: signed.map(([name, value]) => `${name}=${value}`).join('&'),
      ...(token === undefined ? {} : { 'x-cos-security-token': token }),
    },
  });
}

/** Encodes the `x-cos-meta-fileid` of a path. */
export async function fetchMetaId(
  { sidecarUrl, bucket }: Pick<WxCloudEmulator, 'sidecarUrl' | 'bucket'>,
  path: string,
  openid = '',
): Promise<string> {
  const body = JSON.stringify({ openid, bucket, paths: [path] });
  const { text } = await send(`${sidecarUrl}/_/cos/metaid/encode`, { method: 'POST', body });
  const reply = JSON.parse(text) as { respdata: { x_cos_meta_field_strs: string[] } };
  return String(reply.respdata.x_cos_meta_field_strs[0]);
}
