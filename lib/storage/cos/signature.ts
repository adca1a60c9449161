import { createHash, createHmac } from 'node:crypto';
import type { SigningKeys } from '../../options/resolved-options.js';

/** The signed parts of a request. */
export interface RequestToSign {
  /** The method. */
  readonly method: string;
  /** The path as sent, but decoded; begins with a slash. */
  readonly path: string;
  /** All query parameters; empty for one without a value. */
  readonly query: Readonly<Record<string, string>>;
  /** The headers by lower-case name, `host` included. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The validity of a signature, in seconds since 1970. */
export interface KeyTime {
  /** The first second. */
  readonly start: number;
  /** The last second. */
  readonly end: number;
}

/** The header, or query parameter, of the session token. COS does not want it signed. */
export const TOKEN_HEADER = 'x-cos-security-token';

/**
 * The signed headers: those that Tencent's SDK for Node signs, as far as requests of this package
 * have them. Anything else may be changed by a proxy in between without harm.
 */
const SIGNED_HEADERS =
  /^(?:date|host|range|cache-control|content-(?:disposition|encoding|length|md5|type)|if-(?:match|none-match|modified-since|unmodified-since)|x-cos-(?!security-token$).+)$/;

/**
 * Finds values that are the same in every encoding. Those of other writers, which copies keep, may
 * have any bytes, and it is not documented how COS reads them in a signature.
 */
const IS_ASCII = /^[\u0020-\u007e]*$/;

/** The latest signing key of each key, which lives as long as its time. */
const signKeys = new WeakMap<SigningKeys, { readonly keyTime: string; readonly signKey: string }>();

/**
 * Returns the value of the header `Authorization`: a signature of the method, path, query and
 * important headers.
 * @see https://cloud.tencent.com/document/api/436/7778
 */
export function signRequest(request: RequestToSign, keys: SigningKeys, time: KeyTime): string {
  return Object.entries(toAuthorization(request, keys, time))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/**
 * Returns the query parameters that sign a request whose sender has no keys. The signed headers
 * have to be sent as they are.
 */
export function presignRequest(
  request: RequestToSign,
  keys: SigningKeys,
  time: KeyTime,
): Readonly<Record<string, string>> {
  const token = keys.token?.reveal();
  const signature = toAuthorization(request, keys, time);
  return { ...signature, ...(token === undefined ? {} : { [TOKEN_HEADER]: token }) };
}

function toAuthorization(
  request: RequestToSign,
  keys: SigningKeys,
  time: KeyTime,
): Readonly<Record<string, string>> {
  const keyTime = `${time.start};${time.end}`;
  const query = sortForSigning(request.query);
  const headers = sortForSigning(
    Object.fromEntries(
      Object.entries(request.headers).filter(
        ([name, value]) => SIGNED_HEADERS.test(name) && IS_ASCII.test(value),
      ),
    ),
  );
  const text = `${request.method.toLowerCase()}\n${request.path}\n${join(query)}\n${join(headers)}\n`;
  const digest = createHash('sha1').update(text).digest('hex');
  return {
    'q-sign-algorithm': 'sha1',
    'q-ak': keys.secretId,
    'q-sign-time': keyTime,
    'q-key-time': keyTime,
    'q-header-list': headers.map(([name]) => name).join(';'),
    'q-url-param-list': query.map(([name]) => name).join(';'),
    'q-signature': hmac(signKeyOf(keys, keyTime), `sha1\n${keyTime}\n${digest}\n`),
  };
}

function sortForSigning(
  members: Readonly<Record<string, string>>,
): readonly (readonly [name: string, value: string])[] {
  return Object.entries(members)
    .map(([name, value]) => [encodeForCos(name).toLowerCase(), encodeForCos(value)] as const)
    .toSorted(([left], [right]) => (left < right ? -1 : 1));
}

function join(members: readonly (readonly [string, string])[]): string {
  return members.map(([name, value]) => `${name}=${value}`).join('&');
}

function signKeyOf(keys: SigningKeys, keyTime: string): string {
  const known = signKeys.get(keys);
  if (known?.keyTime === keyTime) return known.signKey;
  const signKey = hmac(keys.secretKey.reveal(), keyTime);
  signKeys.set(keys, { keyTime, signKey });
  return signKey;
}

function hmac(key: string, text: string): string {
  return createHmac('sha1', key).update(text).digest('hex');
}

/** Percent-encodes everything but letters, digits, `-`, `_`, `.` and `~`. */
export function encodeForCos(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Percent-encodes a key for a path; its slashes stay. */
export function encodeKey(key: string): string {
  return key.split('/').map(encodeForCos).join('/');
}
