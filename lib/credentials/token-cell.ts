import { FetchPace } from './fetch-pace.js';

/**
 * New tokens that are refused one after the other are spaced out: 1 second, then 2, 4 and so on up
 * to 60.
 */
const REFUSAL_PACING = { free: 3, firstWaitMs: 1_000, longestWaitMs: 60_000 };

/** A token, and the times at which it is to be renewed and ends. */
export interface HeldToken {
  /** The token; a secret. */
  readonly accessToken: string;
  /** The start of its life. */
  readonly fetchedAtMs: number;
  /** The time from which it is renewed in the background. */
  readonly renewAtMs: number;
  /** The end of its life. */
  readonly expiresAtMs: number;
}

/** A fetch that is under way. */
export interface RunningFetch {
  /** The cache that fetches, with the means of its instance. */
  readonly by: object;
  /** Gives the token. */
  readonly token: Promise<string>;
}

/** The token that all instances of one AppID, type and secret in this process hold together. */
export class TokenCell {
  /** The token that serves now. */
  held: HeldToken | undefined;
  /** The token that WeChat refused last. */
  rejected: string | undefined;
  /** The fetch that all wait for. */
  fetching: RunningFetch | undefined;
  /** Before this time no renewal is tried. */
  nextRenewalAtMs = -Infinity;
  /** Spaces out the fetches while every new token is refused. */
  readonly refusals: FetchPace;

  /** Holds nothing yet. */
  constructor(nowMs: () => number) {
    this.refusals = new FetchPace(nowMs, REFUSAL_PACING);
  }
}

interface SharedCell {
  readonly cell: WeakRef<TokenCell>;
  /** Instances that are not closed. */
  members: number;
}

/** By owner. Weak, as instances that are never closed are not to be kept by what they share. */
const cells = new Map<string, SharedCell>();
const collected = new FinalizationRegistry<string>(owner => {
  if (cells.get(owner)?.cell.deref() === undefined) cells.delete(owner);
});

/** A place in a shared cell. */
export interface CellMembership {
  /** The cell; the same one for all that share it now. */
  readonly cell: TokenCell;
  /** Gives the place up; with the last one the cell is forgotten. */
  leave(): void;
}

/**
 * Takes a place in the cell of an owner, which is made when there is none. All of an owner's
 * members use one clock.
 */
export function joinCell(owner: string, nowMs: () => number): CellMembership {
  const known = cells.get(owner);
  const cell = known?.cell.deref() ?? new TokenCell(nowMs);
  const shared =
    known?.cell.deref() === undefined ? { cell: new WeakRef(cell), members: 0 } : known;
  if (shared !== known) {
    cells.set(owner, shared);
    collected.register(cell, owner);
  }
  shared.members += 1;
  let isMember = true;
  return {
    cell,
    leave: () => {
      if (!isMember) return;
      isMember = false;
      shared.members -= 1;
      if (shared.members === 0 && cells.get(owner) === shared) cells.delete(owner);
    },
  };
}
