import { elapsedMs } from '../operations/deadline.js';

/** The files of one request for links that have not changed since it was sent. */
interface RememberedRequest {
  /** The time of the request, by the clock of the cache. */
  readonly sentAtMs: number;
  /** The file IDs. */
  readonly fileIds: Set<string>;
}

/**
 * Remaining lifetime of a link when it is returned for the last time, in milliseconds: enough to
 * use it.
 */
const LONGEST_MARGIN_MS = 300_000;

/**
 * Caches temporary links: the most recently used ones, up to a maximum number, until 5 minutes
 * before their expiry (or half of their lifetime, if that is shorter). A file that is changed or
 * deleted is removed, and a link requested before the change is not added.
 */
export class LinkCache {
  readonly #maxEntries: number;
  readonly #now: () => number;
  /** Links by file ID; `reusableUntilMs` is a time by the clock of the cache. */
  readonly #links = new Map<
    string,
    { readonly url: string; readonly maxAgeSeconds: number; readonly reusableUntilMs: number }
  >();
  readonly #requests = new Set<RememberedRequest>();
  #announce: (fileIds: readonly string[]) => void = () => {};

  /**
   * Caches nothing with 0 entries. `now` is a monotonic clock in milliseconds that does not stop
   * while the process sleeps.
   */
  constructor(maxEntries: number, now = elapsedMs) {
    this.#maxEntries = maxEntries;
    this.#now = now;
  }

  /**
   * Returns a link that is valid long enough and was requested with the same lifetime; otherwise
   * undefined.
   */
  find(fileId: string, maxAgeSeconds: number): string | undefined {
    const known = this.#links.get(fileId);
    if (known?.maxAgeSeconds !== maxAgeSeconds) return undefined;
    this.#links.delete(fileId);
    if (this.#now() >= known.reusableUntilMs) return undefined;
    // Reinserted as the most recently used one.
    this.#links.set(fileId, known);
    return known.url;
  }

  /** Registers a request that is about to be sent; {@link LinkCache.endRequest} ends it. */
  beginRequest(fileIds: readonly string[]): RememberedRequest {
    const request = { sentAtMs: this.#now(), fileIds: new Set(fileIds) };
    this.#requests.add(request);
    return request;
  }

  /** Ends a request, with or without a response. */
  endRequest(request: RememberedRequest): void {
    this.#requests.delete(request);
  }

  /** Caches a link from a response, unless its file was changed meanwhile. */
  keep(
    { sentAtMs, fileIds }: RememberedRequest,
    link: { readonly fileId: string; readonly url: string; readonly maxAgeSeconds: number },
  ): void {
    const { fileId, url, maxAgeSeconds } = link;
    if (!fileIds.has(fileId) || this.#maxEntries === 0) return;
    const lifeMs = maxAgeSeconds * 1_000;
    // Counted from before the request, as the link was made after that.
    const reusableUntilMs = sentAtMs + lifeMs - Math.min(LONGEST_MARGIN_MS, lifeMs / 2);
    this.#links.delete(fileId);
    this.#links.set(fileId, { url, maxAgeSeconds, reusableUntilMs });
    const [oldest] = this.#links.keys();
    if (this.#links.size > this.#maxEntries && oldest !== undefined) this.#links.delete(oldest);
  }

  /** Removes the link of a file that is about to change, or has changed. */
  forget(fileId: string): void {
    this.#links.delete(fileId);
    for (const { fileIds } of this.#requests) fileIds.delete(fileId);
  }

  /** Removes the links of files that have changed, here and on the other replicas. */
  forgetEverywhere(fileIds: readonly string[]): void {
    for (const fileId of fileIds) this.forget(fileId);
    if (fileIds.length > 0) this.#announce(fileIds);
  }

  /**
   * Removes the link of a file that was stored, as it may return the old content. At a unique path
   * there was no file before, so other replicas need not know.
   */
  forgetReplaced(fileId: string, isPathUnique: boolean): void {
    if (isPathUnique) this.forget(fileId);
    else this.forgetEverywhere([fileId]);
  }

  /** Removes all links: changes of their files may have gone unnoticed. */
  clear(): void {
    this.#links.clear();
    for (const { fileIds } of this.#requests) fileIds.clear();
  }

  /** Has the changed files announced to the other replicas. */
  announceTo(announce: (fileIds: readonly string[]) => void): void {
    this.#announce = announce;
  }
}
