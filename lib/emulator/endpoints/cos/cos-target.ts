import type { ResolvedEmulatorOptions } from '../../state/emulator-options.js';
import type { Exchange } from '../exchange.js';

/** The bucket and the object that a request to the object storage names. */
export interface CosTarget {
  /** The bucket's name; not necessarily the emulator's one. */
  readonly bucket: string;
  /** The object's path, percent-encoded; empty for the bucket itself. */
  readonly encoded: string;
}

type Names = Pick<ResolvedEmulatorOptions, 'bucket'>;

/** A bucket's name ends with the number of its account. */
const BUCKET_NAME = /-\d{10}$/;
const BUCKET_HOST =
  /^(?<bucket>[\w-]+)\.(?:cos(?:-internal)?\.[a-z\d-]+\.(?:myqcloud\.com|tencentcos\.cn)|localhost)(?::\d+)?$/;

/**
 * Finds the target of a request: by its host, by the first segment of its path, or, if it is
 * signed, in the emulator's bucket. Returns undefined for a request that is not for the storage.
 */
export function findCosTarget(exchange: Exchange, options: Names): CosTarget | undefined {
  const { path } = exchange;
  const bucket = bucketOfHost(exchange.header('host'), options);
  if (bucket !== undefined) return { bucket, encoded: path.slice(1) };
  const [, first = '', ...rest] = path.split('/');
  if (isBucketName(first, options)) return { bucket: first, encoded: rest.join('/') };
  return isSigned(exchange) ? { bucket: options.bucket, encoded: path.slice(1) } : undefined;
}

/** Returns the bucket in a `Host` header, in the emulator's spelling; undefined for other hosts. */
export function bucketOfHost(host: string | undefined, options: Names): string | undefined {
  const name = BUCKET_HOST.exec((host ?? '').toLowerCase())?.groups?.['bucket'];
  if (name === undefined) return undefined;
  if (name === options.bucket.toLowerCase()) return options.bucket;
  return isBucketName(name, options) ? name : undefined;
}

/** Returns true for the emulator's bucket and for names that other buckets may have. */
export function isBucketName(name: string, { bucket }: Names): boolean {
  return name === bucket || BUCKET_NAME.test(name);
}

/** Returns true if a request carries a signature for the object storage. */
function isSigned(exchange: Exchange): boolean {
  const { query } = exchange;
  const header = exchange.header('authorization') ?? '';
  return header.includes('q-signature=') || query.has('q-signature');
}
