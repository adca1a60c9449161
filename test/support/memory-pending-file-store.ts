import { performance } from 'node:perf_hooks';
import type {
  PendingFileStore,
  WxCloudClaimedFile,
  WxCloudPendingClaim,
  WxCloudPendingFile,
} from '../../lib/pending/pending-file-store.js';

/** A file in the store. */
interface Entry {
  readonly reason: WxCloudPendingFile['reason'];
  /** When it is due, or when the lease of its claim ends. */
  readonly dueAtMs: number;
  /** The claimant; undefined without a claim. */
  readonly owner?: string;
}

/** A store for one process, as simple as the interface allows. */
export class MemoryPendingFileStore implements PendingFileStore {
  readonly #entries = new Map<string, Entry>();
  readonly #nowMs: () => number;

  /** `nowMs` is the clock of the store. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** The files that it holds, with the milliseconds until they are due; in order of their IDs. */
  get files(): readonly (WxCloudPendingFile & { readonly owner?: string })[] {
    return [...this.#entries]
      .map(([fileId, { dueAtMs, ...more }]) => ({
        fileId,
        ...more,
        dueInMs: dueAtMs - this.#nowMs(),
      }))
      .toSorted((left, right) => (left.fileId < right.fileId ? -1 : 1));
  }

  async add(files: readonly WxCloudPendingFile[]): Promise<readonly string[]> {
    const claimed = files.filter(({ fileId }) => this.#isClaimed(fileId));
    for (const { fileId, reason, dueInMs } of files) {
      if (this.#isClaimed(fileId)) continue;
      this.#entries.set(fileId, { reason, dueAtMs: this.#nowMs() + Math.max(0, dueInMs) });
    }
    return claimed.map(({ fileId }) => fileId);
  }

  async settle(fileIds: readonly string[]): Promise<readonly string[]> {
    const claimed = fileIds.filter(fileId => this.#isClaimed(fileId));
    for (const fileId of fileIds) if (!this.#isClaimed(fileId)) this.#entries.delete(fileId);
    return claimed;
  }

  async claim({
    env,
    owner,
    limit,
    leaseMs,
    overdueMs = 0,
  }: WxCloudPendingClaim): Promise<readonly WxCloudClaimedFile[]> {
    const nowMs = this.#nowMs();
    const due = [...this.#entries]
      .filter(([, { dueAtMs }]) => dueAtMs <= nowMs - overdueMs)
      .filter(([fileId]) => env === undefined || fileId.startsWith(`cloud://${env}.`))
      .toSorted(([, left], [, right]) => left.dueAtMs - right.dueAtMs)
      .slice(0, limit);
    return due.map(([fileId, { reason }]) => {
      this.#entries.set(fileId, { reason, dueAtMs: nowMs + leaseMs, owner });
      return { fileId, reason };
    });
  }

  async done(fileIds: readonly string[], owner: string): Promise<void> {
    for (const fileId of fileIds) {
      const isHeld = this.#isClaimed(fileId) && this.#entries.get(fileId)?.owner === owner;
      if (isHeld) this.#entries.delete(fileId);
    }
  }

  #isClaimed(fileId: string): boolean {
    const entry = this.#entries.get(fileId);
    return entry?.owner !== undefined && entry.dueAtMs > this.#nowMs();
  }
}
