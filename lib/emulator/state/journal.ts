import type { WxCloudEmulatorFaultKind } from './fault-effects.js';
import type { WxCloudEmulatorOperation } from './operation.js';

/** A finished request. Contains no token, signature, secret or query. */
export interface WxCloudEmulatorJournalEntry {
  /** The operation; `'unknown'` if no route matches. */
  readonly operation: WxCloudEmulatorOperation | 'unknown';
  /** The HTTP method. */
  readonly method: string;
  /** The path as sent: percent-encoded, without the query. */
  readonly path: string;
  /**
   * The distinct paths of the objects that the request names, at most 50: the path of an upload
   * link or of a URL of the object storage, those of a copy, or those of a list. Absent if there
   * are none, or if the body was not read because the request was refused or a fault took effect.
   */
  readonly cloudPaths?: readonly string[];
  /** `'sidecar'` if the open API service received the request; otherwise absent. */
  readonly via?: 'sidecar';
  /** The `Origin` header: the web site whose page sent the request from a browser, if any. */
  readonly origin?: string;
  /**
   * True if a browser sent the request, according to `Origin` or `Sec-Fetch-Site`; otherwise
   * absent. Requests for the images of a page have no `Origin`.
   */
  readonly fromBrowser?: true;
  /** The HTTP status; 0 if the connection ended before a status was sent. */
  readonly status: number;
  /** The `errcode` of a JSON response, if it is not 0. */
  readonly errcode?: number;
  /** The `<Code>` of an XML error document. */
  readonly cosCode?: string;
  /** The number of bytes read from the request body. */
  readonly requestBytes: number;
  /** The number of bytes written to the response body. */
  readonly responseBytes: number;
  /** The duration in milliseconds, from the head of the request to the end of the response. */
  readonly durationMs: number;
  /** The kind of the fault that took effect, if any. */
  readonly fault?: WxCloudEmulatorFaultKind;
  /**
   * True if the client or a fault ended the connection before the response was complete; otherwise
   * absent.
   */
  readonly aborted?: true;
}

/** A function that is called with the entry of each finished request. */
export type RequestListener = (entry: WxCloudEmulatorJournalEntry) => void;

/** The number of entries that the journal keeps. */
export const JOURNAL_LIMIT = 10_000;

/** The latest requests, oldest first. */
export class Journal {
  readonly #onRequest: RequestListener | undefined;
  #entries: WxCloudEmulatorJournalEntry[] = [];

  /** Creates an empty journal that passes each new entry to `onRequest`. */
  constructor(onRequest: RequestListener | undefined) {
    this.#onRequest = onRequest;
  }

  /** A copy of the latest entries. */
  get entries(): readonly WxCloudEmulatorJournalEntry[] {
    return this.#entries.slice(-JOURNAL_LIMIT);
  }

  /** Appends an entry. Drops the oldest beyond the limit. */
  add(entry: WxCloudEmulatorJournalEntry): void {
    this.#entries.push(Object.freeze(entry));
    if (this.#entries.length >= 2 * JOURNAL_LIMIT) this.#entries = [...this.entries];
    this.#notify(entry);
  }

  /** Deletes all entries. */
  clear(): void {
    this.#entries = [];
  }

  #notify(entry: WxCloudEmulatorJournalEntry): void {
    try {
      this.#onRequest?.(entry);
    } catch (error) {
      // An error of the listener must not fail the client's request.
      process.emitWarning(`startWxCloudEmulator: onRequest threw: ${String(error)}`);
    }
  }
}
