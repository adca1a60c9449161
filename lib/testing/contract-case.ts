import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** A test for any test runner, e.g. `it(name, run)`. */
export interface WxCloudStoreContractCase {
  /** The fact that is tested, such as `claims no file before it is due`. */
  readonly name: string;
  /**
   * Tests a store of its own, in at most 5 seconds; needs no `this`.
   * @throws an `AssertionError` of `node:assert` when the store breaks the contract
   */
  readonly run: () => Promise<void>;
}

/**
 * Creates a store of the given name. Stores of one name share what they hold, like those of several
 * processes. Stores of different names share nothing; if they must, as in a database that has no
 * names, run the cases one after the other.
 */
export type WxCloudStoreFactory<Store> = (name: string) => Store | Promise<Store>;

/** Options of a contract. */
export interface WxCloudStoreContractOptions {
  /**
   * Also tests that two stores of one name share what they hold.
   * @defaultValue false
   */
  readonly isShared?: boolean | undefined;
}

/** Cases by name, each with what it needs. */
export type CaseTable<Kit> = Readonly<Record<string, (kit: Kit) => Promise<void>>>;

/** Below the 5 seconds that Jest and Vitest give a test. */
const LONGEST_WAIT_MS = 4_000;
const POLL_MS = 10;

/** Waits for something that the store's clock brings about. */
export async function until(isTrue: () => Promise<boolean>, what: string): Promise<void> {
  const endsAtMs = performance.now() + LONGEST_WAIT_MS;
  while (!(await isTrue())) {
    assert.ok(performance.now() < endsAtMs, `${what} did not happen within ${LONGEST_WAIT_MS} ms`);
    await sleep(POLL_MS);
  }
}
