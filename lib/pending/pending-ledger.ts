import { AsyncLocalStorage } from 'node:async_hooks';
import type { StorageLogger } from '../diagnostics.js';
import { elapsedMs } from '../operations/deadline.js';
import { afterMs } from './after-ms.js';
import { LATE_MS, LateFiles } from './late-files.js';
import { Lease } from './lease.js';
import { LedgerTask } from './ledger-task.js';
import type {
  PendingFileStore,
  WxCloudClaimedFile,
  WxCloudPendingClaim,
} from './pending-file-store.js';
import { CALL_MS, StoreCalls } from './store-calls.js';
import { TaskQueue } from './task-queue.js';

/** Time after which a sweep may take the file of an upload, in milliseconds. */
const UPLOAD_DUE_MS = 900_000;
/** Age from which an upload that goes on is recorded again, in milliseconds. */
const RENEWAL_AGE_MS = 300_000;
/** The same for a file that has to be deleted, so that this process can do it first. */
const ORPHAN_DUE_MS = 60_000;
/** Interval of the renewals, and time after which an uncertain file is settled once more. */
const TICK_MS = 60_000;
/** Most files that are settled once more. */
const MOST_UNCERTAIN = 100_000;

/** A settled file whose record may reach the store late. */
interface UncertainFile {
  readonly lease: Lease;
  readonly settledAtMs: number;
}

/** Parts of a ledger. */
interface PendingLedgerParts {
  /** The store of the application. */
  readonly store: PendingFileStore;
  /** Receives warnings. */
  readonly logger: Pick<StorageLogger, 'log' | 'warn'>;
  /**
   * Clock in milliseconds that runs on while the process is suspended.
   * @defaultValue {@link elapsedMs}
   */
  readonly nowMs?: (() => number) | undefined;
  /**
   * Called with an object for an upload when it is recorded for the first time, and again when it
   * has ended.
   * @defaultValue none
   */
  readonly onChange?: ((upload: object, isPending: boolean) => void) | undefined;
  /**
   * Most tasks that wait for a store that is down.
   * @defaultValue 100000
   */
  readonly mostTasks?: number | undefined;
}

/**
 * Records the files of this process that no answered request owns yet, so that a sweep finds them
 * if the process is killed. Nothing rejects, and nothing is held up by the store for longer than a
 * second: where the store is down, the work goes on, and the store is told later.
 *
 * Only files at unique paths are recorded: at any other path a sweep could delete the file of
 * another upload.
 */
export class PendingLedger {
  readonly #calls: StoreCalls;
  readonly #queue: TaskQueue;
  readonly #nowMs: () => number;
  readonly #onChange: (upload: object, isPending: boolean) => void;
  /** Uploads that have not ended. */
  readonly #leases = new Map<string, Lease>();
  /** Forms that are not known to be recorded, or whose record may reach the store once more. */
  readonly #forms = new Map<string, Lease>();
  /** Files whose record may reach the store after they were settled. */
  readonly #uncertain = new Map<string, UncertainFile>();
  readonly #late = new LateFiles();
  /** The interval must not keep the request alive that has started it. */
  readonly #detached = AsyncLocalStorage.snapshot();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** Calls nothing yet. */
  constructor({
    store,
    logger,
    nowMs = elapsedMs,
    onChange = () => {},
    mostTasks,
  }: PendingLedgerParts) {
    this.#nowMs = nowMs;
    this.#onChange = onChange;
    this.#calls = new StoreCalls(store, logger, nowMs);
    this.#queue = new TaskQueue(
      this.#calls,
      nowMs,
      (task, sentAtMs, isClaimed) => this.#heardLate(task, sentAtMs, isClaimed),
      mostTasks,
    );
  }

  /** True while the store has to be told something, now or later. */
  get isBusy(): boolean {
    const waiting = this.#leases.size + this.#forms.size + this.#uncertain.size;
    return waiting > 0 || !this.#queue.isEmpty;
  }

  /**
   * Records a file before it is uploaded, and renews the record until the file is settled,
   * forgotten, or an orphan.
   */
  async record(fileId: string): Promise<void> {
    const known = this.#leases.get(fileId);
    const startedAtMs = this.#nowMs();
    if (known?.isNewerThan(RENEWAL_AGE_MS, startedAtMs) === true) return;
    const lease = known ?? new Lease(UPLOAD_DUE_MS);
    this.#uncertain.delete(fileId);
    this.#leases.set(fileId, lease);
    if (known === undefined) this.#onChange(lease, true);
    this.#startTicking();
    const { attempted } = this.#add(fileId, lease);
    if (this.#calls.isDown) return;
    await untilOver(attempted, CALL_MS - lease.waitedMs);
    lease.waitedMs += this.#nowMs() - startedAtMs;
  }

  /** Records a file that a client may store within the next `dueInMs` milliseconds. */
  async recordForm(fileId: string, dueInMs: number): Promise<void> {
    this.#uncertain.get(fileId)?.lease.end(undefined);
    this.#uncertain.delete(fileId);
    const lease = this.#forms.get(fileId) ?? new Lease(dueInMs);
    if (this.#forms.size < MOST_UNCERTAIN) this.#forms.set(fileId, lease);
    const task = this.#queue.put(LedgerTask.add({ fileId, reason: 'form', dueInMs }, lease));
    void this.#watchForm(task, lease);
    if (!this.#calls.isDown) await untilOver(task.attempted, CALL_MS);
  }

  /**
   * Settles files, which are then no business of a sweep. Resolves with those that must not be
   * promised to anybody: a sweep has taken them, or may have.
   */
  async settle(fileIds: readonly string[]): Promise<readonly string[]> {
    const files = fileIds.map(fileId => ({ fileId, ...this.#settle(fileId) }));
    const waits = files.flatMap(({ task, lease }) =>
      lease?.isRecorded === true || !this.#calls.isDown ? [task.done] : [],
    );
    const waitedMs = Math.max(0, ...files.map(({ lease }) => lease?.waitedMs ?? 0));
    if (waits.length > 0) {
      const { isDown } = this.#calls;
      // The store may be back since it failed last, and this answer must not miss that.
      if (isDown) this.#queue.tryNow();
      await untilOver(Promise.all(waits), isDown ? CALL_MS - waitedMs : CALL_MS);
    }
    const nowMs = this.#nowMs();
    return files
      .filter(
        ({ lease, task }) => task.isClaimed || lease?.isLostAt(task.answeredAtMs ?? nowMs) === true,
      )
      .map(({ fileId }) => fileId);
  }

  /**
   * Records files that have to be deleted, whether they were settled before or not: before the
   * deletion, or after it has failed.
   */
  orphan(fileIds: readonly string[]): Promise<void> {
    return this.#recordOrphans(fileIds, ORPHAN_DUE_MS);
  }

  async #recordOrphans(fileIds: readonly string[], dueInMs: number): Promise<void> {
    const tasks = fileIds.map(fileId => {
      const uncertain = this.#uncertain.get(fileId)?.lease;
      const lease = this.#leases.get(fileId) ?? this.#forms.get(fileId) ?? uncertain;
      this.#endLease(fileId);
      this.#forms.delete(fileId);
      this.#uncertain.delete(fileId);
      lease?.end('orphan');
      return this.#addOrphan(fileId, dueInMs);
    });
    if (this.#calls.isDown) return;
    await untilOver(Promise.all(tasks.map(({ attempted }) => attempted)), CALL_MS);
  }

  /** Notes that a request which has failed may still store a file: its outcome is unknown. */
  expectLate(fileId: string): void {
    this.#late.add(fileId, this.#nowMs());
  }

  /**
   * Forgets files of failed calls that do not exist: they were deleted, or never stored. Those that
   * may still appear are left to a sweep instead. Waits only for their records.
   */
  async forget(fileIds: readonly string[]): Promise<void> {
    const late = this.#late.take(fileIds, this.#nowMs());
    for (const fileId of fileIds) if (!late.includes(fileId)) this.#settle(fileId);
    if (late.length > 0) await this.#recordOrphans(late, LATE_MS);
  }

  /**
   * Leaves those of the files that the application has deleted to a sweep that may appear again.
   * The others need no record.
   */
  async noteDeleted(fileIds: readonly string[]): Promise<void> {
    const late = this.#late.take(fileIds, this.#nowMs());
    if (late.length > 0) await this.#recordOrphans(late, LATE_MS);
  }

  /**
   * Claims due files for a sweep.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_CONNECTION_FAILED` when the store fails
   */
  claim(claim: WxCloudPendingClaim): Promise<readonly WxCloudClaimedFile[]> {
    return this.#calls.claim(claim);
  }

  /** Reports claimed files as done. */
  done(fileIds: readonly string[], owner: string): Promise<void> {
    return this.#calls.done(fileIds, owner);
  }

  /**
   * Tells the store what is left, for a second or two at most, and stops. What is settled later is
   * told to the store once.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopTicking();
    for (const fileId of this.#uncertain.keys()) this.#queue.put(LedgerTask.settle(fileId));
    this.#uncertain.clear();
    await this.#queue.close(CALL_MS);
  }

  /** Keeps the lease of a form for as long as its record is uncertain. */
  async #watchForm({ fileId, attempted }: LedgerTask, lease: Lease): Promise<void> {
    await attempted;
    if (lease.isUncertain) this.#startTicking();
    else if (lease.isRecorded) this.#forms.delete(fileId);
  }

  #addOrphan(fileId: string, dueInMs = ORPHAN_DUE_MS): LedgerTask {
    const file = { fileId, reason: 'orphan', dueInMs } as const;
    return this.#queue.put(LedgerTask.add(file));
  }

  #add(fileId: string, lease: Lease): LedgerTask {
    const file = { fileId, reason: 'upload', dueInMs: UPLOAD_DUE_MS } as const;
    return this.#queue.put(LedgerTask.add(file, lease));
  }

  /**
   * Ends the lease of a file. The store is told even if it was never told of the upload: it may
   * know the file as an orphan.
   */
  #settle(fileId: string): { readonly lease: Lease | undefined; readonly task: LedgerTask } {
    const lease = this.#leases.get(fileId);
    const ended = lease ?? this.#forms.get(fileId);
    this.#endLease(fileId);
    this.#forms.delete(fileId);
    ended?.end('settled');
    if (ended?.isUncertain === true && this.#uncertain.size < MOST_UNCERTAIN) {
      this.#uncertain.set(fileId, { lease: ended, settledAtMs: this.#nowMs() });
      this.#startTicking();
    }
    return { lease, task: this.#queue.put(LedgerTask.settle(fileId)) };
  }

  #endLease(fileId: string): void {
    const lease = this.#leases.get(fileId);
    if (lease === undefined) return;
    this.#leases.delete(fileId);
    this.#onChange(lease, false);
  }

  /** Takes note of a record that reached the store after its time limit. */
  #heardLate({ fileId, lease }: LedgerTask, sentAtMs: number, isClaimed: boolean): void {
    // The record of an orphan is wanted, however late.
    if (lease === undefined) return;
    if (lease.endedAs === undefined) return lease.answered(sentAtMs, this.#nowMs(), isClaimed);
    const isNewer = this.#leases.has(fileId) || this.#forms.has(fileId) || this.#queue.has(fileId);
    if (isNewer) return;
    if (lease.endedAs === 'orphan') this.#addOrphan(fileId);
    else this.#queue.put(LedgerTask.settle(fileId));
  }

  #startTicking(): void {
    if (this.#isClosed) return;
    this.#timer ??= this.#detached(() => setInterval(() => this.#tick(), TICK_MS).unref());
  }

  #stopTicking(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const nowMs = this.#nowMs();
    for (const [fileId, lease] of this.#leases) {
      const isOld = lease.isRecorded && !lease.isNewerThan(RENEWAL_AGE_MS, nowMs);
      if (isOld && !lease.isLostAt(nowMs)) this.#add(fileId, lease);
    }
    for (const [fileId, lease] of this.#forms) {
      if (lease.isLostAt(nowMs)) this.#forms.delete(fileId);
    }
    for (const [fileId, { settledAtMs }] of this.#uncertain) {
      if (nowMs - settledAtMs < TICK_MS) continue;
      this.#uncertain.delete(fileId);
      this.#queue.put(LedgerTask.settle(fileId));
    }
    const size = this.#leases.size + this.#forms.size + this.#uncertain.size;
    if (size === 0) this.#stopTicking();
  }
}

/** Waits for work that goes on, no longer than `limitMs`. */
async function untilOver(work: Promise<unknown>, limitMs: number): Promise<void> {
  if (limitMs <= 0) return;
  let cancel = (): void => {};
  const timeIsUp = new Promise<void>(resolve => (cancel = afterMs(limitMs, resolve)));
  await Promise.race([work, timeIsUp]);
  cancel();
}
