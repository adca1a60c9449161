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
import { type FileCallsContext, batchFiles } from './file-calls.js';
import { type WxCloudFileOutcome, itemFailure, settleEach, unwrap } from './file-outcome.js';
import type { LinkCache } from './link-cache.js';

const ADDRESS = /^(?<origin>https?:\/\/[^/?#\\]+)(?<rest>\/.*)$/is;

/** What rules are written with; nothing that would end the query, or start another parameter. */
const RULES = /^[A-Za-z][\w.-]*\/[\w!$'()*+,\-./:;=@|~^%]*$/;

/**
 * Turns a link as WeChat answers it into an ASCII address; empty when it is none that may be used.
 * No document says whether the path in a link is encoded, and Tencent's own SDKs apply `encodeURI`
 * to it. So a link that spells the cloud path to the letter is taken for raw and encoded here: read
 * as it stands, `a%20b.png` would be `a b.png`. For a path that holds a `%` no encoded link looks
 * like that; any other path means the same in both forms.
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

/** As the SDKs do, but for the two characters that would end the path. */
function encodePath(path: string): string {
  return encodeURI(path).replaceAll('?', '%3F').replaceAll('#', '%23');
}

/**
 * Makes sure that image rules are some.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`
 */
export function assertImageRules(rules: string | undefined): void {
  if (rules === undefined || (typeof rules === 'string' && RULES.test(rules))) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      'imageRules must be one text such as imageMogr2/thumbnail/640x, several rules joined with |. Leave it out for the image as it is.',
  });
}

/**
 * Adds image rules to a link. They are a parameter without a value, whose slashes and exclamation
 * marks have to stay as they are; the signature does not cover them.
 * @see https://cloud.tencent.com/document/product/876/49182
 */
export function addImageRules(url: string, rules: string | undefined): string {
  if (rules === undefined) return url;
  return `${url}${url.includes('?') ? '&' : '?'}${rules}`;
}

/** One file's link, or why there is none. */
export type WxCloudDownloadUrlOutcome = WxCloudFileOutcome<{
  /** The temporary link; whoever has it can read the file until it ends. */
  readonly url: string;
}>;

interface WantedLink {
  readonly fileId: string;
  readonly maxAgeSeconds: number;
}

/**
 * Gets temporary links; what is asked for at the same time shares calls, and links are used again
 * while they are good.
 */
export class DownloadLinks {
  readonly #context: FileCallsContext;
  readonly #handedOut: RequestBatcher<WantedLink, WxCloudDownloadUrlOutcome>;
  readonly #usedAtOnce: RequestBatcher<WantedLink, WxCloudDownloadUrlOutcome>;

  /** Makes no call yet. */
  constructor(context: FileCallsContext) {
    this.#context = context;
    const { linkCache } = context;
    const common = {
      keyOf: ({ fileId, maxAgeSeconds }: WantedLink) => `${maxAgeSeconds} ${fileId}`,
      fileIdOf: ({ fileId }: WantedLink) => fileId,
    };
    this.#usedAtOnce = batchFiles(context, {
      ...common,
      send: (wanted, signal) => this.#send(wanted, signal),
      isRepeated: false,
    });
    this.#handedOut = batchFiles(context, {
      ...common,
      send: (wanted, signal) => this.#sendAndKeep(wanted, linkCache, signal),
      isRepeated: true,
    });
  }

  /**
   * One outcome a file, in order; a link that was handed out before may come again. Foreign and
   * malformed IDs never reach the network. Without `maxAgeSeconds` the instance's default holds.
   */
  async get(
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
      const found = (await this.#handedOut.ask(wanted, signal)).values();
      return accepted.map((fileId, index): WxCloudDownloadUrlOutcome => {
        const url = known[index];
        return url === undefined
          ? (found.next().value as WxCloudDownloadUrlOutcome)
          : { fileId, ok: true, url };
      });
    });
  }

  /** One try at a fresh link that is used at once; its failures are the caller's to repeat. */
  async fetch(fileId: string, maxAgeSeconds: number, signal: AbortSignal): Promise<string> {
    return unwrap(await this.#usedAtOnce.ask([{ fileId, maxAgeSeconds }], signal)).url;
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

/** The file ID has been accepted before it was asked for. */
function withUsableLink(item: DownloadLinkItem, fileId: string): DownloadLinkItem {
  return { ...item, url: toLinkUrl(item.url, parseFileId(fileId).cloudPath) };
}

function toOutcome(fileId: string, item: DownloadLinkItem | undefined): WxCloudDownloadUrlOutcome {
  if (item?.status === 0 && item.url !== '') return { fileId, ok: true, url: item.url };
  if (item !== undefined && saysFileIsMissing(item)) return missing(fileId, item);
  // All went well, and yet there is no link: that is none of the documented answers.
  const told = item?.status === 0 ? undefined : item;
  return itemFailure(fileId, DOWNLOAD_LINKS_ENDPOINT, `no link for ${fileId}`, told);
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
