import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { WxCloudStorageError } from '../errors/errors.js';
import { untilAborted } from '../operations/deadline.js';
import type { ResolvedOptions } from '../options/resolved-options.js';

/** The content of a ticket for one file ID. */
export interface UploadTicket {
  /** Expiry of the ticket, in milliseconds since 1970. */
  readonly expiresAtMs: number;
  /**
   * Creation time of the form, in milliseconds since 1970; an older object does not come from the
   * form. 0 for a path with a random part, where only the form can store.
   */
  readonly storedSinceMs: number;
}

/**
 * Time for which a ticket outlives its form, in milliseconds, so that the last file posted with it
 * can still be confirmed or deleted.
 */
export const TICKET_GRACE_MS = 900_000;

/** Maximum lifetime of a ticket in milliseconds, whatever the lifetime of its form. */
export const LONGEST_TICKET_MS = 7_200_000;

const KEY_LABEL = 'nestjs-wx-cloud-storage upload ticket';
const VERSION = 1;
const TIME_BYTES = 6;
const MAC_BYTES = 32;
/** Size of the version and two times; the signature follows. */
const FACT_BYTES = 1 + 2 * TIME_BYTES;
/** Size of a ticket; divisible by 3, so that base64url has one spelling only. */
const TICKET_BYTES = FACT_BYTES + MAC_BYTES;
const TICKET_TEXT = new RegExp(`^[\\w-]{${(TICKET_BYTES / 3) * 4}}$`);

/** Maximum number of remembered files; one takes about 110 bytes. */
const MAX_FILES = 100_000;
const DIGEST_BYTES = 16;
/** Buckets with the same digest would only share their space. */
const BUCKET_BYTES = 8;

/** Issues and verifies proofs that this application made the form for a file ID. */
export class UploadTickets {
  readonly #key: Buffer | undefined;

  /** Uses `ticketKey` or else the AppSecret; without both there are no tickets. */
  constructor({ ticketKey, auth, env }: Pick<ResolvedOptions, 'ticketKey' | 'auth' | 'env'>) {
    const secret = ticketKey ?? ('secret' in auth ? auth.secret : undefined);
    const label = `${KEY_LABEL} of ${env}`;
    this.#key = secret && Buffer.from(hkdfSync('sha256', secret.reveal(), '', label, MAC_BYTES));
  }

  /** True when there is a key for tickets. */
  get areIssued(): boolean {
    return this.#key !== undefined;
  }

  /** Issues the ticket of a form; undefined without a key. */
  issue(fileId: string, formExpiresAt: Date, isPathUnique: boolean): string | undefined {
    if (this.#key === undefined) return undefined;
    const now = Date.now();
    const end = Math.min(formExpiresAt.getTime() + TICKET_GRACE_MS, now + LONGEST_TICKET_MS);
    const facts = Buffer.alloc(FACT_BYTES, VERSION);
    facts.writeUIntBE(end, 1, TIME_BYTES);
    facts.writeUIntBE(isPathUnique ? 0 : now, 1 + TIME_BYTES, TIME_BYTES);
    return Buffer.concat([facts, sign(this.#key, facts, fileId)]).toString('base64url');
  }

  /**
   * Verifies the ticket of a file ID; undefined without a ticket or for an expired one.
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
      'The ticket is refused: this application did not issue it for this file ID. Pass the ticket of the form with which the file was posted, or none.',
  });
}

/** The confirmed files of a bucket. */
interface ConfirmedOfBucket {
  /** Number of remembered files. */
  files: number;
  /** The time until which every file counts as confirmed. */
  allUntilMs: number;
}

/**
 * Remembers confirmed files as long as a ticket may still permit their deletion, and serialises the
 * confirmations of one file. When full, it treats every file of a bucket with a further one as
 * confirmed for that time: bad files may then remain, but no good file is deleted.
 */
export class ConfirmedFiles {
  readonly #maxFiles: number;
  readonly #maxOfBucket: number;
  /** Expiry of each file, by digests of its bucket and its file ID. */
  readonly #untilMs = new Map<string, number>();
  /** Buckets by a digest. */
  readonly #buckets = new Map<string, ConfirmedOfBucket>();
  readonly #turns = new Map<string, Promise<void>>();
  /** The earliest expiry of all files. */
  #earliestMs = Infinity;

  /** Starts empty. `maxOfBucket` keeps one of several buckets from taking all the space. */
  constructor(maxFiles = MAX_FILES, maxOfBucket = maxFiles) {
    this.#maxFiles = maxFiles;
    this.#maxOfBucket = maxOfBucket;
  }

  /** Remembers a file until a time, in milliseconds since 1970. */
  add(fileId: string, untilMs: number): void {
    const key = keyOf(fileId);
    const known = this.#untilMs.get(key);
    const hasRoom = known !== undefined || this.#hasRoom(bucketOf(key));
    const bucket = this.#openBucket(bucketOf(key));
    if (!hasRoom) {
      bucket.allUntilMs = Math.max(bucket.allUntilMs, untilMs);
      return;
    }
    if (known === undefined) bucket.files += 1;
    this.#untilMs.set(key, Math.max(known ?? 0, untilMs));
    this.#earliestMs = Math.min(this.#earliestMs, untilMs);
  }

  /** True when a file was confirmed, or may have been. */
  has(fileId: string): boolean {
    const now = Date.now();
    const key = keyOf(fileId);
    const { allUntilMs = 0 } = this.#buckets.get(bucketOf(key)) ?? {};
    return now < allUntilMs || now < (this.#untilMs.get(key) ?? 0);
  }

  /** Runs work on a file after all earlier work on it; stops waiting when the signal is aborted. */
  async inTurn<T>(fileId: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(fileId);
    let end = (): void => {};
    const own = new Promise<void>(resolve => (end = resolve));
    // A caller that stops waiting must not let later callers overtake earlier ones.
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

  #hasRoom(bucket: string): boolean {
    const isFull = (): boolean =>
      this.#untilMs.size >= this.#maxFiles ||
      (this.#buckets.get(bucket)?.files ?? 0) >= this.#maxOfBucket;
    const now = Date.now();
    if (isFull() && now >= this.#earliestMs) this.#forgetOld(now);
    return !isFull();
  }

  #forgetOld(now: number): void {
    this.#earliestMs = Infinity;
    for (const [key, untilMs] of this.#untilMs) {
      if (untilMs > now) this.#earliestMs = Math.min(this.#earliestMs, untilMs);
      else {
        this.#untilMs.delete(key);
        this.#openBucket(bucketOf(key)).files -= 1;
      }
    }
    for (const [name, { files, allUntilMs }] of this.#buckets) {
      if (files === 0 && allUntilMs <= now) this.#buckets.delete(name);
    }
  }

  #openBucket(name: string): ConfirmedOfBucket {
    const bucket = this.#buckets.get(name) ?? { files: 0, allUntilMs: 0 };
    this.#buckets.set(name, bucket);
    return bucket;
  }
}

/** Shortens a file ID, which may have up to 1 KiB, for the map; its bucket comes first. */
function keyOf(fileId: string): string {
  const bucket = fileId.slice(0, fileId.indexOf('/', 'cloud://'.length));
  return `${digestOf(bucket, BUCKET_BYTES)}${digestOf(fileId, DIGEST_BYTES)}`;
}

function bucketOf(key: string): string {
  return key.slice(0, BUCKET_BYTES);
}

function digestOf(text: string, length: number): string {
  return createHash('sha256').update(text).digest().toString('latin1', 0, length);
}
