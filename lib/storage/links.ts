import { channels } from '../diagnostics.js';
import { WxCloudStorageError } from '../errors/errors.js';
import { parseFileId } from '../file-id/file-id.js';
import { MAX_AGE_RANGE } from '../options/resolve-options.js';
import { isLoopback } from '../options/validation.js';
import {
  type BatchItemStatus,
  decodeDownloadLinks,
  DOWNLOAD_LINKS_ENDPOINT,
  type DownloadLinkItem,
  type DownloadLinksRequest,
  saysFileIsMissing,
} from '../wechat/endpoints.js';
import type { RequestBatcher } from './batching.js';
import { type FileCallsContext, batchFiles, traceFiles } from './file-calls.js';
import { type WxCloudFileOutcome, itemFailure, settleEach, unwrap } from './file-outcome.js';
import type { LinkCache } from './link-cache.js';

const ADDRESS = /^(?<origin>https?:\/\/[^/?#\\]+)(?<rest>\/.*)$/is;

/** Characters of image rules; none can end the query or start another parameter. */
const RULES = /^[A-Za-z][\w.-]*\/[\w!$'()*+,\-./:;=@|~^%]*$/;

/**
 * Converts a link from WeChat into an ASCII URL; empty for an unusable one. No document says if the
 * path in a link is encoded, and the SDKs of Tencent apply `encodeURI` to it. So a link with the
 * literal cloud path counts as raw and is encoded here: otherwise `a%20b.png` would become
 * `a b.png`. If the path contains a `%`, an encoded link never looks like that; for any other path
 * both forms are equal.
 */
export function toLinkUrl(link: string, cloudPath: string): string {
  const text = encodeRawLink(link, cloudPath) ?? link;
  if (!URL.canParse(text)) return '';
  const url = new URL(text);
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
  if (!isSafe || url.username !== '' || url.password !== '') return '';
  url.hash = '';
  return url.href;
}

function encodeRawLink(link: string, cloudPath: string): string | undefined {
  const { origin, rest = '' } = ADDRESS.exec(link)?.groups ?? {};
  const spelled = `/${cloudPath}`;
  for (let at = rest.indexOf(spelled); at >= 0; at = rest.indexOf(spelled, at + 1)) {
    const prefix = rest.slice(0, at);
    const query = rest.slice(at + spelled.length);
    if (/[?#]/.test(prefix)) return undefined;
    if (query === '' || query.startsWith('?')) return origin + prefix + encodePath(spelled) + query;
  }
  return undefined;
}

/** Encodes a path as the SDKs do, and also the two characters that would end it. */
function encodePath(path: string): string {
  return encodeURI(path).replaceAll('?', '%3F').replaceAll('#', '%23');
}

/**
 * Checks image rules.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`
 */
export function assertImageRules(rules: string | undefined): void {
  if (rules === undefined || (typeof rules === 'string' && RULES.test(rules))) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      'imageRules must be a string such as imageMogr2/thumbnail/640x, several rules joined with |. Leave it out for the original image.',
  });
}

/**
 * Adds image rules to a link. They are a parameter without a value, whose slashes and exclamation
 * marks must not be encoded. The signature does not cover them.
 * @see https://cloud.tencent.com/document/product/876/49182
 */
export function addImageRules(url: string, rules: string | undefined): string {
  if (rules === undefined) return url;
  return `${url}${url.includes('?') ? '&' : '?'}${rules}`;
}

/** The link of one file, or its error. */
export type WxCloudDownloadUrlOutcome = WxCloudFileOutcome<{
  /** The temporary link. It grants read access to the file until it expires. */
  readonly url: string;
}>;

interface WantedLink {
  readonly fileId: string;
  readonly maxAgeSeconds: number;
}

/** Gets temporary links. Concurrent requests share calls, and valid links are reused. */
export class DownloadLinks {
  readonly #context: FileCallsContext;
  readonly #cachedLinks: RequestBatcher<WantedLink, WxCloudDownloadUrlOutcome>;
  readonly #freshLinks: RequestBatcher<WantedLink, WxCloudDownloadUrlOutcome>;

  /** Sends no request yet. */
  constructor(context: FileCallsContext) {
    this.#context = context;
    const { linkCache } = context;
    const common = {
      keyOf: ({ fileId, maxAgeSeconds }: WantedLink) => `${maxAgeSeconds} ${fileId}`,
      fileIdOf: ({ fileId }: WantedLink) => fileId,
    };
    this.#freshLinks = batchFiles(context, {
      ...common,
      send: (wanted, signal) => this.#send(wanted, signal),
      isRepeated: false,
    });
    this.#cachedLinks = batchFiles(context, {
      ...common,
      send: (wanted, signal) => this.#sendAndKeep(wanted, linkCache, signal),
      isRepeated: true,
    });
  }

  /**
   * Gets links: one outcome per file, in order. A cached link may be returned. Foreign and
   * malformed IDs are never sent. Without `givenSeconds` the default of the instance applies.
   */
  get(
    fileIds: readonly string[],
    givenSeconds: number | undefined,
    signal: AbortSignal,
  ): Promise<readonly WxCloudDownloadUrlOutcome[]> {
    const work = () => this.#getAll(fileIds, givenSeconds, signal);
    return traceFiles(channels.links, this.#context, fileIds, work);
  }

  async #getAll(
    fileIds: readonly string[],
    givenSeconds: number | undefined,
    signal: AbortSignal,
  ): Promise<readonly WxCloudDownloadUrlOutcome[]> {
    const { fileIdScope, linkCache, options } = this.#context;
    const maxAgeSeconds = givenSeconds ?? options.links.maxAgeSeconds;
    assertMaxAge(maxAgeSeconds);
    return settleEach<{ readonly url: string }>(fileIdScope, fileIds, async accepted => {
      const known = accepted.map(fileId => linkCache.find(fileId, maxAgeSeconds));
      const wanted = accepted
        .filter((_, index) => known[index] === undefined)
        .map(fileId => ({ fileId, maxAgeSeconds }));
      const found = (await this.#cachedLinks.ask(wanted, signal)).values();
      return accepted.map((fileId, index): WxCloudDownloadUrlOutcome => {
        const url = known[index];
        return url === undefined
          ? (found.next().value as WxCloudDownloadUrlOutcome)
          : { fileId, ok: true, url };
      });
    });
  }

  /** Requests a fresh link for immediate use, once; the caller handles failures. */
  async fetch(fileId: string, maxAgeSeconds: number, signal: AbortSignal): Promise<string> {
    return unwrap(await this.#freshLinks.ask([{ fileId, maxAgeSeconds }], signal)).url;
  }

  async #sendAndKeep(
    wanted: readonly WantedLink[],
    cache: LinkCache,
    signal: AbortSignal,
  ): PendingOutcomes {
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

  async #send(wanted: readonly WantedLink[], signal: AbortSignal): PendingOutcomes {
    const { api, options } = this.#context;
    const body: DownloadLinksRequest = {
      env: options.env,
      file_list: wanted.map(({ fileId, maxAgeSeconds }) => ({
        fileid: fileId,
        max_age: maxAgeSeconds,
      })),
    };
    const fileIds = wanted.map(({ fileId }) => fileId);
    const response = await api.post(DOWNLOAD_LINKS_ENDPOINT, body, signal);
    return decodeDownloadLinks(response, fileIds).map((item, index) =>
      toOutcome(fileIds[index] ?? '', item && withUsableLink(item, fileIds[index] ?? '')),
    );
  }
}

type PendingOutcomes = Promise<readonly WxCloudDownloadUrlOutcome[]>;

/** Normalises the link of an item, whose file ID was checked before. */
function withUsableLink(item: DownloadLinkItem, fileId: string): DownloadLinkItem {
  return { ...item, url: toLinkUrl(item.url, parseFileId(fileId).cloudPath) };
}

function toOutcome(fileId: string, item: DownloadLinkItem | undefined): WxCloudDownloadUrlOutcome {
  if (item?.status === 0 && item.url !== '') return { fileId, ok: true, url: item.url };
  if (item !== undefined && saysFileIsMissing(item)) return missing(fileId, item);
  // A success without a link is not documented.
  const reported = item?.status === 0 ? undefined : item;
  return itemFailure(fileId, DOWNLOAD_LINKS_ENDPOINT, `no link for ${fileId}`, reported);
}

function missing(fileId: string, { status, errmsg }: BatchItemStatus): WxCloudDownloadUrlOutcome {
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
