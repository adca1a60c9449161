import { WxCloudStorageError } from '../errors/index.js';
import { MAX_AGE_RANGE } from '../options/index.js';
import {
  decodeDownloadLinks,
  DOWNLOAD_LINKS_ENDPOINT,
  saysFileIsMissing,
  type DownloadLinkItem,
  type DownloadLinksRequest,
} from '../wire/index.js';
import { settleEach, type FileOutcome } from './file-outcome.js';
import { repeat } from './repeat.js';
import type { StorageContext } from './storage-context.js';

/** One file's link, or why there is none. */
export type DownloadUrlOutcome = FileOutcome<{
  /** The temporary link; whoever has it can read the file until it ends. */
  readonly url: string;
}>;

/** What a list of links is asked for with. */
export interface DownloadLinksCall {
  /** The files, in the order of the outcomes. */
  readonly fileIds: readonly string[];
  /** The life of the links in seconds; undefined for the instance's default. */
  readonly maxAgeSeconds: number | undefined;
  /** Ends the call. */
  readonly signal: AbortSignal;
}

/** Asks for temporary links: one outcome a file, in order. Foreign and malformed IDs never reach the network. */
export async function requestDownloadLinks(
  context: StorageContext,
  call: DownloadLinksCall,
): Promise<readonly DownloadUrlOutcome[]> {
  const maxAgeSeconds = call.maxAgeSeconds ?? context.options.links.maxAgeSeconds;
  assertMaxAge(maxAgeSeconds);
  return settleEach(context, call, batch => {
    const once = { ...call, fileIds: batch, maxAgeSeconds };
    return repeat(context, { work: () => requestLinksOnce(context, once), signal: call.signal });
  });
}

/** One call for the links of at most 50 files of this instance, not repeated when it fails. */
export async function requestLinksOnce(
  { api, options }: StorageContext,
  { fileIds, maxAgeSeconds, signal }: DownloadLinksCall & { readonly maxAgeSeconds: number },
): Promise<readonly DownloadUrlOutcome[]> {
  const body: DownloadLinksRequest = {
    env: options.env,
    file_list: fileIds.map(fileid => ({ fileid, max_age: maxAgeSeconds })),
  };
  const answer = await api.post({ endpoint: DOWNLOAD_LINKS_ENDPOINT, body, signal });
  return decodeDownloadLinks(answer, fileIds).map((item, index) =>
    toOutcome(fileIds[index] ?? '', item),
  );
}

function toOutcome(fileId: string, item: DownloadLinkItem): DownloadUrlOutcome {
  if (item.status === 0 && item.url !== '') return { fileId, ok: true, url: item.url };
  const isMissing = saysFileIsMissing(item);
  const said = `${item.status} (${item.errmsg || 'no link'})`;
  const error = new WxCloudStorageError({
    code: isMissing ? 'WX_CLOUD_FILE_NOT_FOUND' : 'WX_CLOUD_API_FAILED',
    message: isMissing
      ? `There is no file ${fileId}, or it was stored without its metadata: ${said}. Upload it again.`
      : `${DOWNLOAD_LINKS_ENDPOINT}: no link for ${fileId}: ${said}. Check the file's permissions.`,
    errcode: item.status,
    errmsg: item.errmsg,
    endpoint: DOWNLOAD_LINKS_ENDPOINT,
  });
  return { fileId, ok: false, error };
}

function assertMaxAge(seconds: number): void {
  const { min, max } = MAX_AGE_RANGE;
  if (Number.isInteger(seconds) && seconds >= min && seconds <= max) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: `maxAgeSeconds must be a whole number of seconds from ${min} to ${max}. Leave it out for the default.`,
  });
}
