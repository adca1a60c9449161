import { randomUUID } from 'node:crypto';
import { WxCloudStorageError } from '../errors/errors.js';
import { elapsedMs, startDeadline, untilAborted } from '../operations/deadline.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import type { PendingLedger } from '../pending/pending-ledger.js';
import { unsupported } from './direct-access.js';
import type { StorageContext } from './storage-context.js';

/** Options of every sweep. */
interface SweepLimits extends WxCloudCallOptions {
  /**
   * Most files to look at, from 1.
   * @defaultValue 1000
   */
  readonly limit?: number | undefined;
  /**
   * Leaves files alone that have been due for a shorter time, in seconds from 0.
   * @defaultValue 0
   */
  readonly graceSeconds?: number | undefined;
}

/** A sweep that asks the application about every file. */
interface CheckedSweep extends SweepLimits {
  /**
   * Returns those of up to 100 file IDs that the application's records contain, e.g. with one query
   * to its database; the others are deleted. Within 4 minutes, or nothing is deleted. Files that it
   * names are kept for good.
   */
  readonly isInUse: (fileIds: readonly string[]) => readonly string[] | Promise<readonly string[]>;
  /** Absent, as `isInUse` is given. */
  readonly unchecked?: undefined;
}

/** A sweep that relies on the store alone. */
interface UncheckedSweep extends SweepLimits {
  /**
   * True deletes due files without asking. Files of answered requests are lost where the store has
   * lost a write, or was not reached before the process ended: after a restore, a fail-over, or
   * with a Redis that does not write every command to its disk (`appendfsync always`).
   */
  readonly unchecked: true;
  /** Absent, as `unchecked` is true. */
  readonly isInUse?: undefined;
}

/** Options of a sweep: `isInUse`, or else `unchecked: true`. */
export type WxCloudPendingSweepOptions = CheckedSweep | UncheckedSweep;

/** The number of files that a sweep has looked at, by their outcome. */
export interface WxCloudPendingSweepResult {
  /** Files that were deleted, or did not exist any more. */
  readonly deleted: number;
  /** Files that are in use. */
  readonly kept: number;
  /** Files that could not be deleted now; a sweep finds them again after 5 minutes. */
  readonly failed: number;
}

/** Time for which a sweep holds the files that it has claimed. */
const LEASE_MS = 300_000;
/** Time before the end of the lease in which nothing is deleted any more. */
const MARGIN_MS = 60_000;
/** Most files that are claimed at a time. */
const MOST_FILES = 100;

const DEFAULT_LIMIT = 1_000;

/**
 * Deletes files that no answered request owns: what crashed processes have left, forms whose files
 * were never confirmed, and what could not be deleted before.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`; `WX_CLOUD_UNSUPPORTED` without
 * the option `pending`; `WX_CLOUD_CONNECTION_FAILED` when the store fails
 */
export async function sweepPendingFiles(
  context: StorageContext,
  options: WxCloudPendingSweepOptions,
): Promise<WxCloudPendingSweepResult> {
  assertSweepOptions(options);
  const { pending } = context;
  if (pending === undefined) {
    throw unsupported(
      'sweep needs a store of pending files. Set the option pending, e.g. pending: redisPendingFileStore(client).',
    );
  }
  return context.operations.run('sweeping pending files', options, signal =>
    new PendingSweep(context, pending, options, signal).run(),
  );
}

/** One sweep. */
class PendingSweep {
  readonly #context: StorageContext;
  readonly #pending: Pick<PendingLedger, 'claim' | 'done'>;
  readonly #options: WxCloudPendingSweepOptions;
  readonly #signal: AbortSignal;
  readonly #owner = randomUUID();
  readonly #result = { deleted: 0, kept: 0, failed: 0 };

  constructor(
    context: StorageContext,
    pending: Pick<PendingLedger, 'claim' | 'done'>,
    options: WxCloudPendingSweepOptions,
    signal: AbortSignal,
  ) {
    this.#context = context;
    this.#pending = pending;
    this.#options = options;
    this.#signal = signal;
  }

  async run(): Promise<WxCloudPendingSweepResult> {
    const { limit = DEFAULT_LIMIT } = this.#options;
    for (let left = limit; left > 0;) {
      const endsAtMs = elapsedMs() + LEASE_MS - MARGIN_MS;
      const fileIds = await this.#claim(Math.min(left, MOST_FILES));
      if (fileIds.length === 0) break;
      left -= fileIds.length;
      const isGoingOn = await this.#sweep(fileIds, endsAtMs);
      if (!isGoingOn) break;
    }
    return this.#result;
  }

  async #claim(limit: number): Promise<readonly string[]> {
    this.#signal.throwIfAborted();
    const { graceSeconds = 0 } = this.#options;
    const claiming = this.#pending.claim({
      env: this.#context.options.env,
      owner: this.#owner,
      limit,
      leaseMs: LEASE_MS,
      overdueMs: Math.ceil(graceSeconds * 1_000),
    });
    const claimed = await untilAborted(claiming, this.#signal);
    return [...new Set(claimed.map(({ fileId }) => fileId))];
  }

  /** Sweeps claimed files until `endsAtMs`. Resolves with false where none can be deleted now. */
  async #sweep(fileIds: readonly string[], endsAtMs: number): Promise<boolean> {
    const own = fileIds.filter(fileId => this.#isOwn(fileId));
    this.#result.failed += fileIds.length - own.length;
    if (own.length === 0) return true;
    const used = await this.#findUsed(own);
    const kept = own.filter(fileId => used.has(fileId));
    const unused = own.filter(fileId => !used.has(fileId));
    const deleted = unused.length > 0 ? await this.#delete(unused, endsAtMs) : [];
    this.#result.kept += kept.length;
    this.#result.deleted += deleted.length;
    this.#result.failed += unused.length - deleted.length;
    const done = [...kept, ...deleted];
    if (done.length > 0) await this.#pending.done(done, this.#owner);
    return done.length > 0;
  }

  /** True for a file of this instance. The store may be shared, or hold anything. */
  #isOwn(fileId: string): boolean {
    try {
      this.#context.fileIdScope.parse(fileId);
      return true;
    } catch {
      return false;
    }
  }

  async #findUsed(fileIds: readonly string[]): Promise<ReadonlySet<unknown>> {
    const { isInUse } = this.#options;
    if (isInUse === undefined) return new Set();
    const asking = (async (): Promise<unknown> => isInUse([...fileIds]))();
    const used = await untilAborted(asking, this.#signal);
    if (Array.isArray(used) && used.every(fileId => typeof fileId === 'string')) {
      return new Set(used);
    }
    throw invalid(
      'isInUse must return the list of those file IDs that are in use, e.g. []. Nothing was deleted.',
    );
  }

  /**
   * Deletes files within the lease: after it, another sweep may have them, or their request may
   * have been answered. Resolves with the deleted ones.
   */
  async #delete(fileIds: readonly string[], endsAtMs: number): Promise<readonly string[]> {
    const leftMs = Math.floor(endsAtMs - elapsedMs());
    if (leftMs <= 0) return [];
    const deadline = startDeadline('deleting pending files', leftMs, this.#signal);
    try {
      const outcomes = await this.#context.deletions.delete(fileIds, deadline.signal);
      return outcomes.filter(({ ok }) => ok).map(({ fileId }) => fileId);
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!(error instanceof WxCloudStorageError)) throw error;
      return [];
    } finally {
      deadline.dispose();
    }
  }
}

function assertSweepOptions(options: unknown): asserts options is WxCloudPendingSweepOptions {
  const given = (options ?? {}) as Readonly<Record<string, unknown>>;
  const { isInUse, unchecked, limit = DEFAULT_LIMIT, graceSeconds = 0 } = given;
  const isChecked = typeof isInUse === 'function' && unchecked === undefined;
  if (!isChecked && !(isInUse === undefined && unchecked === true)) {
    throw invalid(
      'sweep needs either isInUse, a function that returns those of the given file IDs that your records contain, or unchecked: true. Pass isInUse unless the store never loses a write.',
    );
  }
  if (!Number.isSafeInteger(limit) || (limit as number) < 1) {
    throw invalid('limit must be a whole number from 1. Leave it out for 1000.');
  }
  if (!Number.isFinite(graceSeconds) || (graceSeconds as number) < 0) {
    throw invalid('graceSeconds must be a number of seconds from 0. Leave it out for 0.');
  }
}

function invalid(message: string): WxCloudStorageError {
  return new WxCloudStorageError({ code: 'WX_CLOUD_ARGUMENT_INVALID', message });
}
