import { WxCloudStorageError } from '../errors/index.js';
import { parseFileId } from '../file-id/index.js';
import { MAX_AGE_RANGE } from '../options/index.js';
import {
  decodeDownloadLinks,
  DOWNLOAD_LINKS_ENDPOINT,
  saysFileIsMissing,
  type DownloadLinkItem,
  type DownloadLinksRequest,
} from '../wire/index.js';
import { BatchGatherer } from './batch-gatherer.js';
import { settleEach, unwrap, type FileList, type FileOutcome } from './file-outcome.js';
import type { LinkCache } from './link-cache.js';
import { toLinkUrl } from './link-url.js';
import type { StorageFoundation } from './storage-foundation.js';
import { repeat } from './repeat.js';
import { requestBatch } from './request-batch.js';

/** One file's link, or why there is none. */
export type DownloadUrlOutcome = FileOutcome<{
  /** The temporary link; whoever has it can read the file until it ends. */
  readonly url: string;
}>;

/** What a list of links is asked for with. */
export interface DownloadLinksCall extends FileList {
  /** The life of the links in seconds; undefined for the instance's default. */
  readonly maxAgeSeconds: number | undefined;
}

interface WantedLink {
  readonly fileId: string;
  readonly maxAgeSeconds: number;
}

/** Gets temporary links; what is asked for at the same time shares calls, and links are used again while they are good. */
export class DownloadLinks {
  readonly #foundation: StorageFoundation;
  readonly #handedOut: BatchGatherer<WantedLink, DownloadUrlOutcome>;
  readonly #usedAtOnce: BatchGatherer<WantedLink, DownloadUrlOutcome>;

  /** Makes no call yet. */
  constructor(foundation: StorageFoundation) {
    this.#foundation = foundation;
    const { options, linkCache } = foundation;
    const gather = (send: (wanted: readonly WantedLink[], signal: AbortSignal) => Answered) =>
      new BatchGatherer<WantedLink, DownloadUrlOutcome>({
        windowMs: options.links.batchWindowMs,
        keyOf: ({ fileId, maxAgeSeconds }) => `${maxAgeSeconds} ${fileId}`,
        request: (wanted, signal) =>
          requestBatch({
            items: wanted,
            fileIdOf: ({ fileId }) => fileId,
            signal,
            send: items => send(items, signal),
          }),
      });
    this.#usedAtOnce = gather((wanted, signal) => this.#send(wanted, signal));
    this.#handedOut = gather((wanted, signal) =>
      repeat(foundation, { work: () => this.#sendAndKeep(wanted, linkCache, signal), signal }),
    );
  }

  /**
   * One outcome a file, in order; a link that was handed out before may come again. Foreign and malformed IDs never
   * reach the network.
   */
  async get(call: DownloadLinksCall): Promise<readonly DownloadUrlOutcome[]> {
    const { bucket, linkCache, options } = this.#foundation;
    const maxAgeSeconds = call.maxAgeSeconds ?? options.links.maxAgeSeconds;
    assertMaxAge(maxAgeSeconds);
    return settleEach<{ readonly url: string }>(bucket, call.fileIds, async accepted => {
      const known = accepted.map(fileId => linkCache.find(fileId, maxAgeSeconds));
      const wanted = accepted
        .filter((_, index) => known[index] === undefined)
        .map(fileId => ({ fileId, maxAgeSeconds }));
      const found = (await this.#handedOut.ask(wanted, call.signal)).values();
      return accepted.map((fileId, index): DownloadUrlOutcome => {
        const url = known[index];
        return url === undefined
          ? (found.next().value as DownloadUrlOutcome)
          : { fileId, ok: true, url };
      });
    });
  }

  /** One try at a fresh link that is used at once; its failures are the caller's to repeat. */
  async fetch({ fileId, maxAgeSeconds }: WantedLink, signal: AbortSignal): Promise<string> {
    return unwrap(await this.#usedAtOnce.ask([{ fileId, maxAgeSeconds }], signal)).url;
  }

  async #sendAndKeep(
    wanted: readonly WantedLink[],
    cache: LinkCache,
    signal: AbortSignal,
  ): Answered {
    const note = cache.beginRequest(wanted.map(({ fileId }) => fileId));
    try {
      const outcomes = await this.#send(wanted, signal);
      outcomes.forEach((outcome, index) => {
        const { maxAgeSeconds = 0 } = wanted[index] ?? {};
        if (outcome.ok) cache.keep(note, { ...outcome, maxAgeSeconds });
      });
      return outcomes;
    } finally {
      cache.endRequest(note);
    }
  }

  async #send(wanted: readonly WantedLink[], signal: AbortSignal): Answered {
    const { api, options } = this.#foundation;
    const body: DownloadLinksRequest = {
      env: options.env,
      file_list: wanted.map(({ fileId, maxAgeSeconds }) => ({
        fileid: fileId,
        max_age: maxAgeSeconds,
      })),
    };
    const fileIds = wanted.map(({ fileId }) => fileId);
    const answer = await api.post({ endpoint: DOWNLOAD_LINKS_ENDPOINT, body, signal });
    return decodeDownloadLinks(answer, fileIds).map((item, index) =>
      toOutcome(fileIds[index] ?? '', item && withUsableLink(item, fileIds[index] ?? '')),
    );
  }
}

type Answered = Promise<readonly DownloadUrlOutcome[]>;

/** The file ID has been accepted before it was asked for. */
function withUsableLink(item: DownloadLinkItem, fileId: string): DownloadLinkItem {
  return { ...item, url: toLinkUrl(item.url, parseFileId(fileId).cloudPath) };
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
