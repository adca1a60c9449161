import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type {
  PendingFileStore,
  WxCloudClaimedFile,
  WxCloudPendingClaim,
  WxCloudPendingFile,
} from '../pending/pending-file-store.js';
import { until } from './contract-case.js';

/** A time that is not waited for. */
export const HOUR_MS = 3_600_000;
/** A time that is waited for. */
export const SHORT_MS = 50;
const ALL = 10_000;

/** A store with an environment that no other case uses; it remembers what has to be removed. */
export class PendingKit {
  readonly #used = new Set<string>();
  readonly #owners = new Set<string>();

  constructor(
    readonly store: PendingFileStore,
    readonly env: string,
    /** Creates a store of the same name. */
    readonly openSecond: () => Promise<PendingFileStore>,
  ) {}

  /** Returns the file ID of a name. */
  id(name: string, env = this.env): string {
    const fileId = `cloud://${env}.bucket/contract/${name}`;
    this.#used.add(fileId);
    return fileId;
  }

  ids(count: number): readonly string[] {
    return Array.from({ length: count }, (_, index) => this.id(`${index}`));
  }

  /** Adds files, which are due at once unless `more` says otherwise. */
  async add(
    fileIds: readonly string[],
    more: Partial<WxCloudPendingFile> = {},
  ): Promise<readonly string[]> {
    const files = fileIds.map(fileId => ({
      reason: 'upload' as const,
      dueInMs: 0,
      ...more,
      fileId,
    }));
    return listed(await this.store.add(files));
  }

  async settle(fileIds: readonly string[]): Promise<readonly string[]> {
    return listed(await this.store.settle(fileIds));
  }

  /** Claims files for an hour, unless `more` says otherwise; in the order of the store. */
  async claimFiles(
    owner: string,
    more: Partial<WxCloudPendingClaim> = {},
  ): Promise<readonly WxCloudClaimedFile[]> {
    this.#owners.add(owner);
    const claim = { env: this.env, limit: ALL, leaseMs: HOUR_MS, ...more, owner };
    return this.store.claim(claim);
  }

  /** Returns the file IDs of a claim. */
  async claim(owner: string, more: Partial<WxCloudPendingClaim> = {}): Promise<readonly string[]> {
    return (await this.claimFiles(owner, more)).map(({ fileId }) => fileId);
  }

  /** Adds and claims a file for a moment, and waits until that has passed by the store's clock. */
  async claimForAMoment(fileId: string, owner: string): Promise<void> {
    await this.add([fileId]);
    assert.deepEqual(await this.claim(owner, { leaseMs: SHORT_MS }), [fileId]);
    await this.wait(SHORT_MS);
  }

  /** Waits until a file that is added now for `dueInMs` is due by the store's clock. */
  async wait(dueInMs: number): Promise<void> {
    // In an environment of its own, as no other file may be claimed meanwhile.
    const env = `${this.env}-wait`;
    await this.add([this.id(randomUUID(), env)], { dueInMs });
    const isDue = async (): Promise<boolean> => (await this.claim('wait', { env })).length > 0;
    await until(isDue, `the due time of a file that was added for ${dueInMs} ms`);
  }

  /** Removes all files, as well as a store that breaks the contract can. */
  async clear(): Promise<void> {
    const fileIds = [...this.#used];
    try {
      for (const owner of this.#owners) await this.store.done(fileIds, owner);
      await this.store.settle(fileIds);
    } catch {
      // The error of the case says more.
    }
  }
}

/** Returns a result of `add` or `settle` in order. */
export function listed(fileIds: readonly string[] | void): readonly string[] {
  return [...(fileIds ?? [])].toSorted();
}

/** Asserts that two lists have the same file IDs, in any order. */
export function assertSame(
  actual: readonly string[],
  expected: readonly string[],
  what: string,
): void {
  assert.deepEqual(actual.toSorted(), expected.toSorted(), what);
}
