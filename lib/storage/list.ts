import { channels, trace } from '../diagnostics.js';
import { WxCloudStorageError } from '../errors/errors.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import { malformed } from '../wechat/endpoints.js';
import type { ObjectPage } from './cos/bucket-replies.js';
import { callBucket, requireCos, toFileId } from './direct-access.js';
import type { StorageContext } from './storage-context.js';

/** Options for a list of files. `timeoutMs` limits the request for each page. */
export interface WxCloudListOptions extends WxCloudCallOptions {
  /**
   * The beginning of the paths, e.g. `photos/2026/`; not followed by a wildcard.
   * @defaultValue all files
   */
  readonly prefix?: string | undefined;
  /**
   * Groups paths that have this text behind the prefix: they become one entry of the type `prefix`,
   * as folders do with `/`.
   * @defaultValue none: every file is listed
   */
  readonly delimiter?: string | undefined;
  /**
   * Maximum number of entries, from 0.
   * @defaultValue all
   */
  readonly limit?: number | undefined;
}

/** An entry of a list. */
export type WxCloudListEntry =
  | {
      /** A file. */
      readonly type: 'file';
      /**
       * The file ID. It is dead when the file was stored by other means without its metadata, which
       * a list does not show.
       */
      readonly fileId: string;
      /** The object's path. */
      readonly cloudPath: string;
      /** Size in bytes. */
      readonly size: number;
      /** The ETag without quotes: the MD5 of the content, unless it was uploaded in parts. */
      readonly etag: string;
      /** The time of the upload. */
      readonly lastModified: Date;
    }
  | {
      /** A group of paths. */
      readonly type: 'prefix';
      /** The common beginning of the paths, up to the delimiter and with it. */
      readonly cloudPath: string;
    };

/** Number of entries in a page. */
const PAGE_SIZE = 1_000;

/**
 * Lists files in the order of their paths in UTF-8. Pages are requested as the entries are read.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`, `WX_CLOUD_UNSUPPORTED`
 * @see https://cloud.tencent.com/document/product/436/7734
 */
export async function* listFiles(
  context: StorageContext,
  options: WxCloudListOptions,
): AsyncGenerator<WxCloudListEntry, void, undefined> {
  assertListOptions(options);
  requireCos(context, 'list');
  let left = options.limit ?? Infinity;
  let marker: string | undefined;
  while (left > 0) {
    const maxKeys = Math.min(left, PAGE_SIZE);
    const page = await requestPage(context, options, maxKeys, marker);
    const entries = toEntries(context, page).slice(0, left);
    left -= entries.length;
    yield* entries;
    const { nextMarker } = page;
    if (nextMarker === undefined) return;
    if (nextMarker === marker) throw malformed('GET bucket', 'the list does not advance');
    marker = nextMarker;
  }
}

function requestPage(
  context: StorageContext,
  { prefix, delimiter, ...options }: WxCloudListOptions,
  maxKeys: number,
  marker: string | undefined,
): Promise<ObjectPage> {
  const { env } = context.options;
  return context.operations.run('listing files', options, signal =>
    trace(
      channels.list,
      () => ({ env }),
      async event => {
        const page = await callBucket(context, {
          needed: 'list',
          right: 'list',
          send: ({ bucket }) => bucket.listObjects({ prefix, delimiter, marker, maxKeys }, signal),
          signal,
        });
        if (event !== undefined) event.entries = page.objects.length + page.prefixes.length;
        return page;
      },
    ),
  );
}

function toEntries(
  context: StorageContext,
  { objects, prefixes }: ObjectPage,
): readonly WxCloudListEntry[] {
  const files = objects.map(({ key, ...object }): WxCloudListEntry => ({
    type: 'file',
    fileId: toFileId(context, key),
    cloudPath: key,
    ...object,
  }));
  if (prefixes.length === 0) return files;
  const groups = prefixes.map((cloudPath): WxCloudListEntry => ({ type: 'prefix', cloudPath }));
  // By bytes, as the storage sorts them, not by UTF-16 units.
  return [...files, ...groups]
    .map(entry => ({ entry, bytes: Buffer.from(entry.cloudPath) }))
    .toSorted((one, other) => one.bytes.compare(other.bytes))
    .map(({ entry }) => entry);
}

function assertListOptions({ prefix = '', delimiter, limit = 0 }: WxCloudListOptions): void {
  if (!isText(prefix) || prefix.startsWith('/')) {
    throw invalid('prefix must be the beginning of cloud paths, without a slash in front');
  }
  if (delimiter !== undefined && (!isText(delimiter) || delimiter === '')) {
    throw invalid('delimiter must be a text such as "/"');
  }
  if (!Number.isSafeInteger(limit) || limit < 0) {
    throw invalid('limit must be a whole number from 0');
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed();
}

function invalid(problem: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: `list: ${problem}. Leave it out for all files.`,
  });
}
