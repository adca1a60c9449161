import { decodePath, isCloudPath } from '../../state/cloud-paths.js';
import {
  type CosAuthorization,
  readAuthorization,
  signRequest,
  type SignedRequest,
} from '../../state/cos-signature.js';
import type { EmulatedCloud } from '../../state/emulated-cloud.js';
import type { WxCloudEmulatorFaultEffect } from '../../state/fault-effects.js';
import type { WxCloudEmulatorOperation } from '../../state/operation.js';
import { CosRefusal } from '../../state/refusals.js';
import type { Exchange } from '../exchange.js';
import { bucketNowMs } from './bucket-headers.js';

/** A request to the bucket that is authorized. */
export interface CosRequest {
  /** The request. */
  readonly exchange: Exchange;
  /** The state of the emulator. */
  readonly cloud: EmulatedCloud;
  /** The object's path; empty for the bucket itself. */
  readonly cloudPath: string;
  /** The parameters by name. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The effect of the fault that is due. */
  readonly effect: WxCloudEmulatorFaultEffect | undefined;
}

const SECURITY_TOKEN = 'x-cos-security-token';
/** The difference between the clocks of client and storage that is accepted. */
const MAX_SKEW_SECONDS = 900;

/** Decodes a query. A `+` stays a plus: the object storage does not read it as a space. */
export function readParameters(search: string): ReadonlyMap<string, string> {
  const pairs = search.split('&').filter(Boolean);
  return new Map(
    pairs.map(pair => {
      const [name = '', ...value] = pair.split('=');
      return [decodePath(name) ?? name, decodePath(value.join('=')) ?? value.join('=')];
    }),
  );
}

/**
 * Checks that a signature permits a request, and that its keys have the right to the operation.
 * @throws {@link CosRefusal} AccessDenied, InvalidAccessKeyId, ExpiredToken, RequestTimeTooSkewed
 * or SignatureDoesNotMatch
 */
export function assertPermitted(
  { exchange, cloud, cloudPath, parameters }: CosRequest,
  operation: WxCloudEmulatorOperation,
): void {
  const header = exchange.header('authorization');
  const parts = header === undefined ? parameters : readParameters(header);
  const authorization = readAuthorization(name => parts.get(name));
  if (authorization === undefined) throw accessDenied();
  const token = exchange.header(SECURITY_TOKEN) ?? parameters.get(SECURITY_TOKEN);
  const secretKey = cloud.cosKeys.secretKeyOf(authorization.secretId, token);
  const { denied } = cloud.options.cos;
  assertInTime(authorization, bucketNowMs(cloud) / 1_000);
  // A base URL with a path hides how much of it the client has signed.
  const paths = [decodePath(exchange.path), `/${cloudPath}`];
  const isRight = paths.some(path => {
    if (path === undefined) return false;
    const request = toSignedRequest(exchange, parameters, path);
    return signRequest(request, authorization, secretKey) === authorization.signature;
  });
  if (!isRight) {
    throw new CosRefusal(
      'SignatureDoesNotMatch',
      'The Signature you specified is invalid. Check the key and the signature.',
    );
  }
  if (denied.includes(operation)) throw accessDenied();
}

function toSignedRequest(
  exchange: Exchange,
  parameters: ReadonlyMap<string, string>,
  path: string,
): SignedRequest {
  return {
    method: exchange.method,
    path,
    header: name => exchange.header(name),
    parameters: [...parameters],
  };
}

function assertInTime({ signTime }: CosAuthorization, nowSeconds: number): void {
  const [, start, end] = /^(\d{1,12});(\d{1,12})$/.exec(signTime) ?? [];
  if (start === undefined) throw accessDenied();
  if (Number(start) > nowSeconds + MAX_SKEW_SECONDS) {
    throw new CosRefusal(
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
    );
  }
  if (Number(end) < nowSeconds) throw new CosRefusal('AccessDenied', 'Request has expired');
}

function accessDenied(): CosRefusal {
  return new CosRefusal('AccessDenied', 'Access Denied.');
}

/**
 * Checks that an object can have a path.
 * @throws {@link CosRefusal} InvalidURI
 */
export function assertKey(cloudPath: string): void {
  if (isCloudPath(cloudPath)) return;
  throw new CosRefusal('InvalidURI', 'Could not parse the specified URI.');
}
