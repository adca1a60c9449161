import { createHash } from 'node:crypto';
import { untilAborted } from '../transport/index.js';

/** Number of files are remembered; one takes about 100 bytes. */
const MAX_FILES = 100_000;
const DIGEST_BYTES = 16;

/**
 * Remembers which files were confirmed for as long as a ticket may still allow to delete them, and
 * lets the confirmations of one file happen one after the other. Once it is full, every further
 * file counts as confirmed for that time: then bad files stay, instead of good ones being deleted.
 */
export class ConfirmedFiles {
  readonly #maxFiles: number;
  /** Until when each file is remembered, by a digest of its file ID. */
  readonly #untilMs = new Map<string, number>();
  readonly #turns = new Map<string, Promise<void>>();
  /** No file is forgotten before. */
  #earliestMs = Infinity;
  /** Until then, every file counts as confirmed. */
  #allUntilMs = 0;

  /** Remembers no file yet. */
  constructor(maxFiles = MAX_FILES) {
    this.#maxFiles = maxFiles;
  }

  /** Remembers a file until a time, in milliseconds since 1970. */
  add(fileId: string, untilMs: number): void {
    const digest = digestOf(fileId);
    const known = this.#untilMs.get(digest);
    if (known === undefined && !this.#hasRoom()) {
      this.#allUntilMs = Math.max(this.#allUntilMs, untilMs);
      return;
    }
    this.#untilMs.set(digest, Math.max(known ?? 0, untilMs));
    this.#earliestMs = Math.min(this.#earliestMs, untilMs);
  }

  /** True when a file was confirmed, or may have been. */
  has(fileId: string): boolean {
    const now = Date.now();
    return now < this.#allUntilMs || now < (this.#untilMs.get(digestOf(fileId)) ?? 0);
  }

  /**
   * Does something with a file after everything that was begun with it before; gives up when the
   * signal is aborted.
   */
  async inTurn<T>(fileId: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(fileId);
    let end = (): void => {};
    const own = new Promise<void>(resolve => (end = resolve));
    // One that gives up must not let those behind it overtake those before it.
    const turn = before === undefined ? own : before.then(() => own);
    this.#turns.set(fileId, turn);
    void turn.then(() => this.#endTurn(fileId, turn));
    try {
      if (before !== undefined) await untilAborted(before, signal);
      return await work();
    } finally {
      end();
    }
  }

  #endTurn(fileId: string, turn: Promise<void>): void {
    if (this.#turns.get(fileId) === turn) this.#turns.delete(fileId);
  }

  #hasRoom(): boolean {
    const now = Date.now();
    if (this.#untilMs.size >= this.#maxFiles && now >= this.#earliestMs) this.#forgetOld(now);
    return this.#untilMs.size < this.#maxFiles;
  }

  #forgetOld(now: number): void {
    this.#earliestMs = Infinity;
    for (const [digest, untilMs] of this.#untilMs) {
      if (untilMs <= now) this.#untilMs.delete(digest);
      else this.#earliestMs = Math.min(this.#earliestMs, untilMs);
    }
  }
}

/** File IDs have up to a KiB. */
function digestOf(fileId: string): string {
  return createHash('sha256').update(fileId).digest().toString('latin1', 0, DIGEST_BYTES);
}
