import { BUCKET_OPERATIONS, type WxCloudEmulatorOperation } from './operation.js';
import {
  readChoice,
  readFlag,
  readList,
  readMembers,
  readText,
  readWhole,
} from './option-readers.js';

/** A pair of permanent keys for the bucket; fake. */
export interface WxCloudEmulatorCosKeys {
  /** The `SecretId`. */
  readonly secretId: string;
  /** The `SecretKey`. */
  readonly secretKey: string;
}

/** Options for direct requests to the bucket, which the caller signs; all are optional. */
export interface WxCloudEmulatorCosOptions {
  /**
   * Permanent keys that the bucket accepts, besides the temporary ones of `/_/cos/getauth`.
   * @defaultValue none
   */
  readonly keys?: readonly WxCloudEmulatorCosKeys[];
  /**
   * The lifetime of the temporary keys in seconds, from 1 to 7200.
   * @defaultValue 1800
   */
  readonly keyTtlSeconds?: number;
  /**
   * The type of `ExpiredTime` in the response of `/_/cos/getauth`: the official page shows a text,
   * applications have received a number.
   * @defaultValue `'number'`
   */
  readonly expiredTime?: 'number' | 'text';
  /**
   * The operations that no keys permit: 403 `AccessDenied`. It is not documented what the keys of a
   * container permit.
   * @defaultValue none
   */
  readonly denied?: readonly WxCloudEmulatorOperation[];
  /**
   * True sends objects as downloads, with `x-cos-force-download: true` and `Content-Disposition:
   * attachment`, as the default domains of newer buckets do.
   * @defaultValue false
   */
  readonly forceDownload?: boolean;
  /**
   * True for a bucket with versioning, which ignores `x-cos-forbid-overwrite`. Responses to
   * uploads have an `x-cos-version-id`; earlier versions are not kept.
   * @defaultValue false
   */
  readonly versioning?: boolean;
  /**
   * True for a bucket with encryption by KMS: the ETags of signed uploads are not the MD5 of their
   * content, and successful responses have `x-cos-server-side-encryption: cos/kms`.
   * @defaultValue false
   */
  readonly encrypted?: boolean;
  /**
   * The seconds by which the clock of the storage is ahead, from -86400 to 86400. It applies to
   * the check of signatures, to the header `Date`, and to the times of what signed requests store.
   * @defaultValue 0
   */
  readonly clockSkewSeconds?: number;
}

/** The resolved options for the bucket. */
export type ResolvedCosOptions = Required<WxCloudEmulatorCosOptions>;

const DEFAULT_KEY_TTL_SECONDS = 1_800;

const KNOWN: readonly string[] = [
  'keys',
  'keyTtlSeconds',
  'expiredTime',
  'denied',
  'forceDownload',
  'versioning',
  'encrypted',
  'clockSkewSeconds',
] satisfies readonly (keyof WxCloudEmulatorCosOptions)[];

/**
 * Checks the options and fills in defaults.
 * @throws {TypeError} if an option is invalid or unknown; the message names it, never its value
 */
export function resolveCosOptions(value: unknown = {}): ResolvedCosOptions {
  const given = readMembers('cos', value, KNOWN);
  return {
    keys: readList('cos.keys', given['keys'] ?? [], readKeys),
    keyTtlSeconds: readWhole(
      'cos.keyTtlSeconds',
      given['keyTtlSeconds'] ?? DEFAULT_KEY_TTL_SECONDS,
      [1, 7_200],
    ),
    expiredTime: readChoice('cos.expiredTime', given['expiredTime'] ?? 'number', [
      'number',
      'text',
    ]),
    denied: readList('cos.denied', given['denied'] ?? [], (option, item) =>
      readChoice(option, item, BUCKET_OPERATIONS),
    ),
    forceDownload: readFlag('cos.forceDownload', given['forceDownload'] ?? false),
    versioning: readFlag('cos.versioning', given['versioning'] ?? false),
    encrypted: readFlag('cos.encrypted', given['encrypted'] ?? false),
    clockSkewSeconds: readWhole(
      'cos.clockSkewSeconds',
      given['clockSkewSeconds'] ?? 0,
      [-86_400, 86_400],
    ),
  };
}

function readKeys(option: string, value: unknown): WxCloudEmulatorCosKeys {
  const { secretId, secretKey } = readMembers(option, value, ['secretId', 'secretKey']);
  return Object.freeze({
    secretId: readText(`${option}.secretId`, secretId),
    secretKey: readText(`${option}.secretKey`, secretKey),
  });
}
