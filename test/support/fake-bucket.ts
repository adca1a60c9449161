import { type CosError, CosRefusalError } from '../../lib/storage/cos/cos-error.js';
import { CosRights } from '../../lib/storage/cos/rights.js';
import type { CosAccess } from '../../lib/storage/cos-access.js';
import { FileDeletions } from '../../lib/storage/delete.js';
import { createStorageContext, type StorageContext } from '../../lib/storage/storage-context.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import type { WxCloudStorageOptions } from '../../lib/options/options.js';

/** The bucket of every fake. */
export const BUCKET = '7072-prod-8gtest-1300000000';
/** Returns the file ID of a path in it. */
export const idOf = (cloudPath: string): string => `cloud://prod-8gtest.${BUCKET}/${cloudPath}`;

/** Requests of a test to a bucket, by the names of the methods. */
export type FakeBucket = { readonly [Method in keyof CosAccess['bucket']]?: unknown };

/** Calls for signed file IDs that differ from the usual ones. */
type FakeMetaIds = {
  readonly [Name in keyof CosAccess['metaIds']]?: CosAccess['metaIds'][Name] | undefined;
};

/** The context of an instance whose bucket a test plays. */
export function contextWith(
  bucket: FakeBucket | undefined,
  {
    metaIds = {},
    ...options
  }: Partial<WxCloudStorageOptions> & { readonly metaIds?: FakeMetaIds } = {},
): StorageContext & { readonly cos: CosAccess } {
  const resolved = resolveOptions({
    env: 'prod-8gtest',
    bucket: BUCKET,
    auth: { type: 'open-api-service' },
    ticketKey: 'a-key-of-32-characters-for-tests',
    retry: { attempts: 3, minDelayMs: 0, maxDelayMs: 0 },
    ...options,
  } as WxCloudStorageOptions);
  const signs: FakeMetaIds = {
    encode: async (path, openid) => `signed:${openid}:${path}`,
    decode: async value => {
      const [, openid = '', path = ''] = value.split(':');
      return { openid, bucket: BUCKET, path };
    },
    ...metaIds,
  };
  const cos =
    bucket && ({ bucket, rights: new CosRights(), metaIds: signs } as unknown as CosAccess);
  const logger = { log: () => {}, warn: () => {} } as never;
  const context = createStorageContext(resolved, logger);
  return { ...context, cos, deletions: new FileDeletions(context, cos) } as never;
}

/** The error of a request that COS refuses. */
export function refusal(status: number, code?: string, endpoint = 'GET object'): CosRefusalError {
  const document: CosError | undefined =
    code === undefined ? undefined : { code, message: 'm', requestId: 'id' };
  return new CosRefusalError({
    endpoint,
    key: 'k',
    status,
    document,
    requestId: 'id',
    secrets: [],
  });
}

/** The response to a request for an object. */
export function objectWith(headers: Readonly<Record<string, string>>): object {
  const all: Readonly<Record<string, string>> = {
    'content-length': '3',
    'content-type': 'text/plain',
    etag: '"e"',
    ...headers,
  };
  return {
    status: 200,
    header: (name: string) => all[name],
    headerNames: () => Object.keys(all),
    discard: () => {},
  };
}
