import { Injectable } from '@nestjs/common';
import type {
  PendingFileStore,
  WxCloudClaimedFile,
  WxCloudPendingClaim,
  WxCloudPendingFile,
} from 'nestjs-wx-cloud-storage';

/** A pending file. */
interface PendingFile {
  readonly reason: WxCloudPendingFile['reason'];
  /** The time at which the file is due; for a claimed one, the time at which its lease ends. */
  readonly untilMs: number;
  /** The sweep that has claimed the file last. */
  readonly owner: string | undefined;
}

/** The maximum number of files; each takes up to 2 KiB of memory. */
const MOST_FILES = 10_000;

/**
 * The files that no answered request owns yet, for the option `pending`. An application with more
 * than one process, or whose files must be found after a crash, uses `redisPendingFileStore`: this
 * list ends with its process.
 *
 * Every method does its work before it returns a promise, so that none comes between two steps of
 * another.
 */
@Injectable()
export class MemoryPendingFileStore implements PendingFileStore {
  readonly #files = new Map<string, PendingFile>();

  /** The number of files. */
  get size(): number {
    return this.#files.size;
  }

  /**
   * Adds files, or replaces what is known of them, unless a sweep has claimed them.
   * @throws {Error} if the list would be too long
   */
  async add(files: readonly WxCloudPendingFile[]): Promise<readonly string[]> {
    const free = files.filter(({ fileId }) => !this.#isClaimed(fileId));
    const unknown = free.filter(({ fileId }) => !this.#files.has(fileId));
    if (this.size + unknown.length > MOST_FILES) throw new Error('Too many files are pending.');
    for (const { fileId, reason, dueInMs } of free) {
      this.#files.set(fileId, { reason, untilMs: nowMs() + dueInMs, owner: undefined });
    }
    return this.#claimedOf(files.map(({ fileId }) => fileId));
  }

  /** Removes files that have an owner now, unless a sweep has claimed them. */
  async settle(fileIds: readonly string[]): Promise<readonly string[]> {
    const claimed = this.#claimedOf(fileIds);
    for (const fileId of fileIds) {
      if (!claimed.includes(fileId)) this.#files.delete(fileId);
    }
    return claimed;
  }

  /** Gives a sweep the files that have been due for longest, until the lease ends. */
  async claim(request: WxCloudPendingClaim): Promise<readonly WxCloudClaimedFile[]> {
    const { env, owner, limit, leaseMs, overdueMs = 0 } = request;
    const prefix = env === undefined ? '' : `cloud://${env}.`;
    const latestMs = nowMs() - overdueMs;
    const due = [...this.#files]
      .filter(([fileId, { untilMs }]) => untilMs <= latestMs && fileId.startsWith(prefix))
      .toSorted(([, one], [, other]) => one.untilMs - other.untilMs)
      .slice(0, limit);
    for (const [fileId, { reason }] of due) {
      this.#files.set(fileId, { reason, untilMs: nowMs() + leaseMs, owner });
    }
    return due.map(([fileId, { reason }]) => ({ fileId, reason }));
  }

  /** Removes files that a sweep has claimed, if it still holds them. */
  async done(fileIds: readonly string[], owner: string): Promise<void> {
    for (const fileId of this.#claimedOf(fileIds)) {
      if (this.#files.get(fileId)?.owner === owner) this.#files.delete(fileId);
    }
  }

  /**
   * Makes all files due but those of running uploads: for the last sweep, as the list ends with
   * this process.
   */
  makeDue(): void {
    for (const [fileId, { reason }] of this.#files) {
      if (reason === 'upload') continue;
      this.#files.set(fileId, { reason, untilMs: nowMs(), owner: undefined });
    }
  }

  #claimedOf(fileIds: readonly string[]): readonly string[] {
    return fileIds.filter(fileId => this.#isClaimed(fileId));
  }

  #isClaimed(fileId: string): boolean {
    const file = this.#files.get(fileId);
    return file?.owner !== undefined && file.untilMs > nowMs();
  }
}

/** A clock that nobody sets. */
function nowMs(): number {
  return performance.now();
}
