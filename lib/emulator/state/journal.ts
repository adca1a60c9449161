import type { WxCloudEmulatorFaultKind } from './fault-effects.js';
import type { WxCloudEmulatorOperation } from './operation.js';

/** One request that has ended. Holds no token, signature, secret or query. */
export interface WxCloudEmulatorJournalEntry {
  /** What was asked for; `unknown` when no route fits. */
  readonly operation: WxCloudEmulatorOperation | 'unknown';
  /** The HTTP method. */
  readonly method: string;
  /** The path as it was sent, percent-encoded, without the query. */
  readonly path: string;
  /**
   * The paths, inside the environment, of the objects that the request is about, each once: that of
   * an upload link or of an address of the object storage, or all that a list of file IDs names.
   * Absent when there are none, and when the body of the request was not read: because the request
   * was refused before, or a fault answered it.
   */
  readonly cloudPaths?: readonly string[];
  /** `sidecar` when it came in at the open API service's address; else absent. */
  readonly via?: 'sidecar';
  /**
   * The `Origin` header: the web site whose page sent the request straight from a browser; absent
   * for all others.
   */
  readonly origin?: string;
  /**
   * True when a browser sent the request, as its `Origin` or `Sec-Fetch-Site` header tells: those
   * for the images of a page name no origin. Else absent.
   */
  readonly fromBrowser?: true;
  /** The HTTP status that was sent; 0 when the connection ended before one was. */
  readonly status: number;
  /** The `errcode` of a JSON answer, when it is not 0. */
  readonly errcode?: number;
  /** The `<Code>` of an XML error document. */
  readonly cosCode?: string;
  /** How many bytes of the request's body were read. */
  readonly requestBytes: number;
  /** How many bytes of the answer's body were written. */
  readonly responseBytes: number;
  /** The duration of the request in milliseconds: from its head to the last byte of the answer. */
  readonly durationMs: number;
  /** The kind of the fault that took effect, when one did. */
  readonly fault?: WxCloudEmulatorFaultKind;
  /**
   * True when the connection ended before the answer was complete, by the client or by a fault;
   * else absent.
   */
  readonly aborted?: true;
}

/** Gets the entry of each request that has ended. */
export type RequestListener = (entry: WxCloudEmulatorJournalEntry) => void;

/** How many entries the journal keeps. */
export const JOURNAL_LIMIT = 10_000;

/** The newest requests, oldest first. */
export class Journal {
  readonly #onRequest: RequestListener | undefined;
  #entries: WxCloudEmulatorJournalEntry[] = [];

  /** Is empty. `onRequest` gets each entry as soon as it is there. */
  constructor(onRequest: RequestListener | undefined) {
    this.#onRequest = onRequest;
  }

  /** A copy of the newest entries. */
  get entries(): readonly WxCloudEmulatorJournalEntry[] {
    return this.#entries.slice(-JOURNAL_LIMIT);
  }

  /** Appends an entry; the oldest are given up beyond the limit. */
  add(entry: WxCloudEmulatorJournalEntry): void {
    this.#entries.push(Object.freeze(entry));
    if (this.#entries.length >= 2 * JOURNAL_LIMIT) this.#entries = [...this.entries];
    this.#tell(entry);
  }

  /** Forgets all. */
  clear(): void {
    this.#entries = [];
  }

  #tell(entry: WxCloudEmulatorJournalEntry): void {
    try {
      this.#onRequest?.(entry);
    } catch (error) {
      // The request of a client is not to fail for it.
      process.emitWarning(`startWxCloudEmulator: onRequest threw: ${String(error)}`);
    }
  }
}
