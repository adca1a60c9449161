import { elapsedMs } from '../operations/deadline.js';

/** A link that may be handed out again. */
interface KnownLink {
  readonly url: string;
  readonly maxAgeSeconds: number;
  /** Until when, by the clock of the cache. */
  readonly reusableUntilMs: number;
}

/** The files of one request for links, of which none has changed since it was sent. */
interface RememberedRequest {
  /** When the request was sent, by the clock of the cache. */
  readonly sentAtMs: number;
  /** The file IDs. */
  readonly fileIds: Set<string>;
}

/** What is left of a link's life when it is handed out for the last time: enough to use it. */
const LONGEST_MARGIN_MS = 300_000;

/**
 * Keeps temporary links, so that they need not be asked for again: the ones used last, up to a
 * number, until 5 minutes before their end (half of their life, when that is shorter). A file that
 * was changed or deleted leaves it, and a link that was on its way meanwhile does not enter it.
 */
export class LinkCache {
  readonly #maxEntries: number;
  readonly #now: () => number;
  readonly #links = new Map<string, KnownLink>();
  readonly #notes = new Set<RememberedRequest>();

  /**
   * With 0 entries nothing is kept. `now` is a clock in milliseconds that is never set back, and
   * that does not stand still.
   */
  constructor(maxEntries: number, now = elapsedMs) {
    this.#maxEntries = maxEntries;
    this.#now = now;
  }

  /**
   * A link that lives long enough and was asked for with the same life; undefined when there is
   * none.
   */
  find(fileId: string, maxAgeSeconds: number): string | undefined {
    const known = this.#links.get(fileId);
    if (known?.maxAgeSeconds !== maxAgeSeconds) return undefined;
    this.#links.delete(fileId);
    if (this.#now() >= known.reusableUntilMs) return undefined;
    // Put back as the one that was used last.
    this.#links.set(fileId, known);
    return known.url;
  }

  /**
   * Takes note of a request that is about to be sent; to be ended by {@link LinkCache.endRequest}.
   */
  beginRequest(fileIds: readonly string[]): RememberedRequest {
    const note = { sentAtMs: this.#now(), fileIds: new Set(fileIds) };
    this.#notes.add(note);
    return note;
  }

  /** The request has ended, with or without an answer. */
  endRequest(note: RememberedRequest): void {
    this.#notes.delete(note);
  }

  /** Keeps a link that a request was answered with, unless its file was changed meanwhile. */
  keep(
    { sentAtMs, fileIds }: RememberedRequest,
    link: { readonly fileId: string; readonly url: string; readonly maxAgeSeconds: number },
  ): void {
    const { fileId, url, maxAgeSeconds } = link;
    if (!fileIds.has(fileId) || this.#maxEntries === 0) return;
    const lifeMs = maxAgeSeconds * 1_000;
    // Counted from before the request: the link was made at some moment after that.
    const reusableUntilMs = sentAtMs + lifeMs - Math.min(LONGEST_MARGIN_MS, lifeMs / 2);
    this.#links.delete(fileId);
    this.#links.set(fileId, { url, maxAgeSeconds, reusableUntilMs });
    const [oldest] = this.#links.keys();
    if (this.#links.size > this.#maxEntries && oldest !== undefined) this.#links.delete(oldest);
  }

  /** Lets go of a file's link: the file is about to change, or has changed. */
  forget(fileId: string): void {
    this.#links.delete(fileId);
    for (const { fileIds } of this.#notes) fileIds.delete(fileId);
  }
}
