import { createHash, createHmac } from 'node:crypto';
import { decodePath } from './cloud-paths.js';

/** The parts of an authorization: a header, or parameters of a presigned URL. */
export interface CosAuthorization {
  /** `q-ak`. */
  readonly secretId: string;
  /** `q-sign-time`: `<start>;<end>` in Unix seconds. */
  readonly signTime: string;
  /** `q-key-time`, in the same form. */
  readonly keyTime: string;
  /** The lower-case names of the signed headers, percent-encoded. */
  readonly headerNames: readonly string[];
  /** The lower-case names of the signed parameters, percent-encoded. */
  readonly parameterNames: readonly string[];
  /** `q-signature`. */
  readonly signature: string;
}

/** A request as a signature covers it. */
export interface SignedRequest {
  /** The method. */
  readonly method: string;
  /** The path, decoded. */
  readonly path: string;
  /** Returns a header by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** The parameters, decoded. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** Reads the parts of an authorization; undefined if one is missing. */
export function readAuthorization(
  part: (name: string) => string | undefined,
): CosAuthorization | undefined {
  const secretId = part('q-ak');
  const signTime = part('q-sign-time');
  const keyTime = part('q-key-time');
  const headers = part('q-header-list');
  const parameters = part('q-url-param-list');
  const signature = part('q-signature');
  if (part('q-sign-algorithm') !== 'sha1' || !secretId || !signTime || !keyTime) return undefined;
  if (headers === undefined || parameters === undefined || !signature) return undefined;
  const headerNames = headers.split(';').filter(Boolean);
  const parameterNames = parameters.split(';').filter(Boolean);
  return { secretId, signTime, keyTime, headerNames, parameterNames, signature };
}

/**
 * Returns the signature of a request; undefined if it has no such header or parameter.
 * @see https://cloud.tencent.com/document/api/436/7778
 */
export function signRequest(
  request: SignedRequest,
  { keyTime, signTime, headerNames, parameterNames }: CosAuthorization,
  secretKey: string,
): string | undefined {
  const parameters = request.parameters.map(([name, value]) => [encodeName(name), value] as const);
  const headers = headerNames.map(name => [name, request.header(decodePath(name) ?? '')] as const);
  if (!parameterNames.every(name => parameters.some(([other]) => other === name))) return undefined;
  if (headers.some(([, value]) => value === undefined)) return undefined;
  const text = [
    request.method.toLowerCase(),
    request.path,
    join(
      parameters.filter(([name]) => parameterNames.includes(name)),
      encode,
    ),
    join(headers, encodeHeader),
    '',
  ].join('\n');
  const digest = createHash('sha1').update(text).digest('hex');
  const signKey = hmac(secretKey, keyTime);
  return hmac(signKey, `sha1\n${signTime}\n${digest}\n`);
}

function join(
  pairs: readonly (readonly [name: string, value: string | undefined])[],
  encodeValue: (value: string) => string,
): string {
  return pairs
    .toSorted(([one], [other]) => (one < other ? -1 : Number(one > other)))
    .map(([name, value = '']) => `${name}=${encodeValue(value)}`)
    .join('&');
}

function encodeName(name: string): string {
  return encode(name).toLowerCase();
}

/** Encodes all characters but `A-Z a-z 0-9 - _ . ~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Encodes the bytes of a header, which Node.js returns as characters. */
function encodeHeader(value: string): string {
  return value.replaceAll(/[^A-Za-z0-9\-_.~]/g, character => {
    const byte = character.charCodeAt(0).toString(16).toUpperCase();
    return `%${byte.padStart(2, '0')}`;
  });
}

function hmac(key: string, text: string): string {
  return createHmac('sha1', key).update(text).digest('hex');
}
