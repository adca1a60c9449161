import { OptionsInvalidError } from '../errors/errors.js';
import {
  type CosKeysFunction,
  type ResolvedCos,
  type ResolvedCosCredentials,
  Secret,
} from './resolved-options.js';
import { isLoopback, orDefault, readGroup, readInteger, readName } from './validation.js';

const DEFAULT_REGION = 'ap-shanghai';
const DEFAULT_PART_BYTES = 4_194_304;

/** COS wants 1 MiB at least; more than 64 MiB would only take memory. */
const PART_BYTES = { min: 1_048_576, max: 67_108_864, unit: 'bytes' };

/**
 * Checks the option `cos`; undefined without it.
 * @throws {@link OptionsInvalidError}
 */
export function resolveCos(value: unknown): ResolvedCos | undefined {
  if (value === undefined) return undefined;
  const names = ['bucket', 'region', 'credentials', 'endpoint', 'partBytes'];
  const given = readGroup('cos', value, names);
  const bucket = readBucket('cos.bucket', given['bucket'], '.');
  const region = readRegion(orDefault(given['region'], DEFAULT_REGION));
  const host = `${bucket}.cos.${region}.myqcloud.com`;
  const { endpoint } = given;
  return Object.freeze({
    bucket,
    host,
    address: endpoint === undefined ? `https://${host}` : readEndpoint(endpoint),
    credentials: readCredentials(orDefault(given['credentials'], 'container')),
    partBytes: readInteger(
      'cos.partBytes',
      orDefault(given['partBytes'], DEFAULT_PART_BYTES),
      PART_BYTES,
    ),
  });
}

/**
 * Reads the name of a bucket. `rest` ends the remedy.
 * @throws {@link OptionsInvalidError}
 */
export function readBucket(option: string, value: unknown, rest: string): string {
  const remedy = `Give it as 对象存储 → 存储配置 shows it${rest}`;
  const bucket = readName(option, value, remedy);
  if (!/[./:]/.test(bucket)) return bucket;
  throw new OptionsInvalidError({ option, expected: 'a bucket name, not an address', remedy });
}

function readRegion(value: unknown): string {
  const remedy = `Leave it out for ${DEFAULT_REGION}.`;
  const region = readName('cos.region', value, remedy);
  if (/^[a-z\d]+(?:-[a-z\d]+)*$/.test(region)) return region;
  throw new OptionsInvalidError({
    option: 'cos.region',
    expected: 'the name of a region, such as ap-shanghai',
    remedy,
  });
}

function readEndpoint(value: unknown): string {
  const option = 'cos.endpoint';
  const remedy = 'Leave it out for COS itself, or give e.g. https://gateway.example.';
  // URL.canParse first: the error of new URL() would contain the value.
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url));
  if (url === undefined || !isSafe) {
    const expected = 'an https: address (http: is for loopback), as keys and files travel to it';
    throw new OptionsInvalidError({ option, expected, remedy });
  }
  const isBare = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (isBare && isDecodable(url.pathname)) return `${url.origin}${url.pathname}`;
  const expected = 'an address without user, query or fragment';
  throw new OptionsInvalidError({ option, expected, remedy });
}

function isDecodable(path: string): boolean {
  try {
    return decodeURIComponent(path) !== '';
  } catch {
    // A percent sign that begins no encoded byte.
    return false;
  }
}

function readCredentials(value: unknown): ResolvedCosCredentials {
  if (value === 'container') return { type: 'container' };
  if (typeof value === 'function') return { type: 'function', getKeys: value as CosKeysFunction };
  const option = 'cos.credentials';
  if (typeof value !== 'object' || value === null) {
    throw new OptionsInvalidError({
      option,
      expected: "'container', a pair of keys, or a function that returns keys",
      remedy: "Leave it out inside of WeChat Cloud Hosting, for 'container'.",
    });
  }
  const given = readGroup(option, value, ['secretId', 'secretKey', 'token']);
  const { token } = given;
  const remedy = 'Give it as the console of Tencent Cloud shows it.';
  const keys = Object.freeze({
    secretId: readName(`${option}.secretId`, given['secretId'], remedy),
    secretKey: new Secret(readName(`${option}.secretKey`, given['secretKey'], remedy)),
    token: token === undefined ? undefined : new Secret(readName(`${option}.token`, token, remedy)),
  });
  return { type: 'keys', keys };
}

/**
 * Checks that the options `bucket` and `cos.bucket` name the same bucket, and returns it; undefined
 * without either.
 * @throws {@link OptionsInvalidError}
 */
export function commonBucket(
  bucket: string | undefined,
  cos: ResolvedCos | undefined,
): string | undefined {
  if (bucket === undefined || cos === undefined || bucket === cos.bucket) {
    return bucket ?? cos?.bucket;
  }
  throw new OptionsInvalidError({
    option: 'cos.bucket',
    expected: 'the same bucket as the option "bucket"',
    remedy: 'Leave "bucket" out: cos.bucket is enough.',
  });
}
