import { FailureBackoff } from './failure-backoff.js';
import { ForcedRefreshBudget } from './token-fetcher.js';

/** Waits between new tokens that are all refused: 1 second, then 2, 4 and so on up to 60. */
const REFUSAL_WAITS = { free: 3, firstWaitMs: 1_000, longestWaitMs: 60_000 };
/** Waits between failed fetches: 1 second, then 2, 4 and so on up to 60. */
export const FAILURE_WAITS = { free: 1, firstWaitMs: 1_000, longestWaitMs: 60_000 };
/**
 * Waits between fetches without the store: processes invalidate each other's classic tokens then,
 * which would use up the quota.
 */
const FETCH_ALONE_WAITS = { free: 3, firstWaitMs: 30_000, longestWaitMs: 300_000 };

/** Time for which a cell is kept that all instances opened at run time have left. */
const KEPT_MS = 3_600_000;
/** The most cells that are kept; one takes 1 to 2 KiB. */
const MOST_KEPT = 1_000;

/** A token with the times of its renewal and expiry. */
interface HeldToken {
  /** The token; a secret. */
  readonly accessToken: string;
  /** Start of its lifetime. */
  readonly fetchedAtMs: number;
  /** Earliest time of its renewal in the background. */
  readonly renewAtMs: number;
  /** End of its lifetime. */
  readonly expiresAtMs: number;
}

/** A fetch in progress. */
export interface RunningFetch {
  /** The cache that fetches, with the settings of its instance. */
  readonly by: object;
  /** Resolves with the token. */
  readonly token: Promise<string>;
}

/**
 * The token that all instances of one AppID, type and secret share in this process, and the pauses
 * and the budget that bound the calls for it: WeChat counts those by AppID.
 */
export class TokenCell {
  /** The token in use. */
  held: HeldToken | undefined;
  /** The token that WeChat refused last. */
  rejected: string | undefined;
  /** The fetch that all callers wait for. */
  fetching: RunningFetch | undefined;
  /** Earliest time of the next renewal. */
  nextRenewalAtMs = -Infinity;
  /** Spaces out fetches while every new token is refused. */
  readonly refusals: FailureBackoff;
  /** Spaces out fetches that would fail for every instance. */
  readonly failures: FailureBackoff;
  /** Limits forced new tokens. */
  readonly forced: ForcedRefreshBudget;
  /** Spaces out fetches without a store that fails. */
  readonly alone: FailureBackoff;
  /** Earliest time at which a failed store is used again. */
  storeBackAtMs = -Infinity;

  /** Creates an empty cell. */
  constructor(nowMs: () => number) {
    this.refusals = new FailureBackoff(nowMs, REFUSAL_WAITS);
    this.failures = new FailureBackoff(nowMs, FAILURE_WAITS);
    this.forced = new ForcedRefreshBudget(nowMs);
    this.alone = new FailureBackoff(nowMs, FETCH_ALONE_WAITS);
  }
}

interface SharedCell {
  readonly cell: WeakRef<TokenCell>;
  /** Number of instances that are not closed. */
  members: number;
  /** True once an instance has joined that may come back. */
  isKept: boolean;
}

/**
 * Cells by owner. The references are weak, so that an instance that is never closed can be
 * collected.
 */
const cells = new Map<string, SharedCell>();
const collected = new FinalizationRegistry<string>(owner => {
  if (cells.get(owner)?.cell.deref() === undefined) cells.delete(owner);
});
/** Cells without members, in the order in which the last one left. */
const kept = new Map<string, { readonly cell: TokenCell; readonly leftAtMs: number }>();

/** Membership in a shared cell. */
export interface CellMembership {
  /** The cell; all current members share it. */
  readonly cell: TokenCell;
  /** Leaves the cell. After the last member has left, it is kept for an hour, or forgotten. */
  leave(): void;
}

/**
 * Joins the cell of an owner, and creates it if necessary. All members of a cell use one clock.
 * `mayReturn` is true for instances that are closed and opened again: their cell is kept
 * meanwhile, so that this neither costs calls nor resets what bounds them.
 */
export function joinCell(owner: string, nowMs: () => number, mayReturn: boolean): CellMembership {
  forgetOldest(nowMs() - KEPT_MS);
  const known = cells.get(owner);
  const cell = known?.cell.deref() ?? new TokenCell(nowMs);
  const shared =
    known?.cell.deref() === undefined
      ? { cell: new WeakRef(cell), members: 0, isKept: false }
      : known;
  if (shared !== known) {
    cells.set(owner, shared);
    collected.register(cell, owner);
  }
  kept.delete(owner);
  shared.members += 1;
  shared.isKept ||= mayReturn;
  let isMember = true;
  return {
    cell,
    leave: () => {
      if (!isMember) return;
      isMember = false;
      shared.members -= 1;
      if (shared.members > 0 || cells.get(owner) !== shared) return;
      if (shared.isKept) kept.set(owner, { cell, leftAtMs: nowMs() });
      else cells.delete(owner);
      forgetOldest(nowMs() - KEPT_MS);
    },
  };
}

/** Forgets cells that were left before a time, and those above the limit. */
function forgetOldest(leftBeforeMs: number): void {
  for (const [owner, { leftAtMs }] of kept) {
    if (kept.size <= MOST_KEPT && leftAtMs > leftBeforeMs) return;
    kept.delete(owner);
    cells.delete(owner);
  }
}
