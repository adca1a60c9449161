import { WxCloudStorageError } from '../errors/index.js';
import { parseFileId } from '../file-id/index.js';
import { MAX_AGE_RANGE } from '../options/index.js';
import {
  decodeDownloadLinks,
  DOWNLOAD_LINKS_ENDPOINT,
  saysFileIsMissing,
  type BatchItemStatus,
  type DownloadLinkItem,
  type DownloadLinksRequest,
} from '../wire/index.js';
import type { BatchGatherer } from './batch-gatherer.js';
import {
  itemFailure,
  settleEach,
  unwrap,
  type FileList,
  type FileOutcome,
} from './file-outcome.js';
import { gatherFiles, type FileCallsContext } from './gather-files.js';
import type { LinkCache } from './link-cache.js';
import { toLinkUrl } from './link-url.js';

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
  readonly #context: FileCallsContext;
  readonly #handedOut: BatchGatherer<WantedLink, DownloadUrlOutcome>;
  readonly #usedAtOnce: BatchGatherer<WantedLink, DownloadUrlOutcome>;

  /** Makes no call yet. */
  constructor(context: FileCallsContext) {
    this.#context = context;
    const { linkCache } = context;
    const common = {
      keyOf: ({ fileId, maxAgeSeconds }: WantedLink) => `${maxAgeSeconds} ${fileId}`,
      fileIdOf: ({ fileId }: WantedLink) => fileId,
    };
    this.#usedAtOnce = gatherFiles(context, {
      ...common,
      send: (wanted, signal) => this.#send(wanted, signal),
      isRepeated: false,
    });
    this.#handedOut = gatherFiles(context, {
      ...common,
      send: (wanted, signal) => this.#sendAndKeep(wanted, linkCache, signal),
      isRepeated: true,
    });
  }

  /**
   * One outcome a file, in order; a link that was handed out before may come again. Foreign and malformed IDs never
   * reach the network.
   */
  async get(call: DownloadLinksCall): Promise<readonly DownloadUrlOutcome[]> {
    const { bucket, linkCache, options } = this.#context;
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
    const { api, options } = this.#context;
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

function toOutcome(fileId: string, item: DownloadLinkItem | undefined): DownloadUrlOutcome {
  if (item?.status === 0 && item.url !== '') return { fileId, ok: true, url: item.url };
  if (item !== undefined && saysFileIsMissing(item)) return missing(fileId, item);
  // All went well, and yet there is no link: that is none of the documented answers.
  const told = item?.status === 0 ? undefined : item;
  return itemFailure(
    { endpoint: DOWNLOAD_LINKS_ENDPOINT, fileId, attempted: `no link for ${fileId}` },
    told,
  );
}

function missing(fileId: string, { status, errmsg }: BatchItemStatus): DownloadUrlOutcome {
  const error = new WxCloudStorageError({
    code: 'WX_CLOUD_FILE_NOT_FOUND',
    message: `There is no file ${fileId}, or it was stored without its metadata: ${status} (${errmsg}). Upload it again.`,
    errcode: status,
    errmsg,
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
