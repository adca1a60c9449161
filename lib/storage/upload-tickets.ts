import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { WxCloudStorageError } from '../errors/errors.js';
import { untilAborted } from '../operations/deadline.js';
import type { ResolvedOptions } from '../options/resolved-options.js';

/** The facts that a ticket vouches for, about one file ID. */
export interface UploadTicket {
  /** The end of the ticket, in milliseconds since 1970. */
  readonly expiresAtMs: number;
  /**
   * The time at which the form was made, in milliseconds since 1970: an older object is not the
   * form's. 0 for a path with a random part, at which nothing else can be stored.
   */
  readonly storedSinceMs: number;
}

/**
 * The time by which a ticket outlives its form, so that the last file posted with it can still be
 * confirmed or deleted.
 */
const GRACE_MS = 900_000;

/** The longest life of a ticket, whatever window the signature of its form has. */
export const LONGEST_TICKET_MS = 7_200_000;

const KEY_LABEL = 'nestjs-wx-cloud-storage upload ticket';
const VERSION = 1;
const TIME_BYTES = 6;
const MAC_BYTES = 32;
/** The version and two times; the signature follows. */
const FACT_BYTES = 1 + 2 * TIME_BYTES;
/** Divisible by 3, so that base64url has one spelling of it only. */
const TICKET_BYTES = FACT_BYTES + MAC_BYTES;
const TICKET_TEXT = new RegExp(`^[\\w-]{${(TICKET_BYTES / 3) * 4}}$`);

/** Number of files are remembered; one takes about 100 bytes. */
const MAX_FILES = 100_000;
const DIGEST_BYTES = 16;

/** Makes and checks the proofs that a form for a file ID was handed out by this application. */
export class UploadTickets {
  readonly #key: Buffer | undefined;

  /** Takes `ticketKey`, else the AppSecret; without both there are no tickets. */
  constructor({ ticketKey, auth, env }: Pick<ResolvedOptions, 'ticketKey' | 'auth' | 'env'>) {
    const secret = ticketKey ?? ('secret' in auth ? auth.secret : undefined);
    const label = `${KEY_LABEL} of ${env}`;
    this.#key = secret && Buffer.from(hkdfSync('sha256', secret.reveal(), '', label, MAC_BYTES));
  }

  /** True when there is a key to make tickets with. */
  get areMade(): boolean {
    return this.#key !== undefined;
  }

  /** Makes the ticket of a form; undefined without a key. */
  issue(fileId: string, formExpiresAt: Date, isPathUnique: boolean): string | undefined {
    if (this.#key === undefined) return undefined;
    const now = Date.now();
    const end = Math.min(formExpiresAt.getTime() + GRACE_MS, now + LONGEST_TICKET_MS);
    const facts = Buffer.alloc(FACT_BYTES, VERSION);
    facts.writeUIntBE(end, 1, TIME_BYTES);
    facts.writeUIntBE(isPathUnique ? 0 : now, 1 + TIME_BYTES, TIME_BYTES);
    return Buffer.concat([facts, sign(this.#key, facts, fileId)]).toString('base64url');
  }

  /**
   * Reads the ticket that came with a file ID; undefined for none, and for one that has expired.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_TICKET_REFUSED` when it was not made for this
   * file ID with this key
   */
  verify(fileId: string, ticket: unknown): UploadTicket | undefined {
    if (ticket === undefined) return undefined;
    if (typeof ticket !== 'string' || !TICKET_TEXT.test(ticket) || this.#key === undefined) {
      throw refused();
    }
    const bytes = Buffer.from(ticket, 'base64url');
    const facts = bytes.subarray(0, FACT_BYTES);
    const isGenuine = timingSafeEqual(bytes.subarray(FACT_BYTES), sign(this.#key, facts, fileId));
    if (!isGenuine || facts[0] !== VERSION) throw refused();
    const expiresAtMs = facts.readUIntBE(1, TIME_BYTES);
    if (Date.now() >= expiresAtMs) return undefined;
    return { expiresAtMs, storedSinceMs: facts.readUIntBE(1 + TIME_BYTES, TIME_BYTES) };
  }
}

function sign(key: Buffer, facts: Buffer, fileId: string): Buffer {
  return createHmac('sha256', key).update(facts).update(fileId).digest();
}

function refused(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_TICKET_REFUSED',
    message:
      'The ticket is refused: it was not made for this file ID by this application. Pass on the ticket of the form with which the file was posted, or none.',
  });
}

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
