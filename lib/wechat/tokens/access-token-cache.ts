import { setTimeout as delay } from 'node:timers/promises';
import { messageWithoutLink, WxCloudStorageError } from '../../errors/errors.js';
import { elapsedMs, untilAborted } from '../../operations/deadline.js';
import type { FetchedToken, TokenSource } from '../wechat-api.js';
import { FailureBackoff } from './failure-backoff.js';
import type { TokensToReplace } from './token-fetcher.js';

/**
 * New tokens that are refused one after the other are spaced out: 1 second, then 2, 4 and so on up
 * to 60.
 */
const REFUSAL_PACING = { free: 3, firstWaitMs: 1_000, longestWaitMs: 60_000 };

/**
 * A token is renewed this long before its end: for as long WeChat serves the old one beside the
 * new.
 */
const RENEWAL_MARGIN_MS = 300_000;
/**
 * Replicas that started together do not renew together: each is late by a random part of this share
 * of the margin.
 */
const RENEWAL_JITTER = 0.2;
/**
 * How long a failed renewal keeps the next one waiting, so that an outage does not eat the day's
 * quota.
 */
const RENEWAL_PAUSE_MS = 30_000;
/** A token that is refused at this age or younger was of no use. */
const YOUNG_MS = 600_000;

/** Failed fetches are spaced out: 1 second, then 2, 4 and so on up to 60. */
const FAILURE_PACING = { free: 1, firstWaitMs: 1_000, longestWaitMs: 60_000 };

/** A wait of this length is worth it; a longer one only piles up requests. */
const PATIENCE_MS = 4_000;

/** A token, and the times at which it is to be renewed and ends. */
interface HeldToken {
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
interface RunningFetch {
  /** The cache that fetches, with the means of its instance. */
  readonly by: object;
  /** Gives the token. */
  readonly token: Promise<string>;
}

/** The token that all instances of one AppID, type and secret in this process hold together. */
class TokenCell {
  /** The token that serves now. */
  held: HeldToken | undefined;
  /** The token that WeChat refused last. */
  rejected: string | undefined;
  /** The fetch that all wait for. */
  fetching: RunningFetch | undefined;
  /** Before this time no renewal is tried. */
  nextRenewalAtMs = -Infinity;
  /** Spaces out the fetches while every new token is refused. */
  readonly refusals: FailureBackoff;

  /** Holds nothing yet. */
  constructor(nowMs: () => number) {
    this.refusals = new FailureBackoff(nowMs, REFUSAL_PACING);
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

/** What an {@link AccessTokenCache} works with. */
interface AccessTokenCacheParts {
  /** Asks for a token in place of the unwanted ones; it has to end by itself. */
  readonly fetchToken: (unwanted: TokensToReplace) => Promise<FetchedToken>;
  /** Milliseconds on a clock that is never set. @defaultValue `elapsedMs` */
  readonly nowMs?: () => number;
  /** From 0 to below 1, for the jitter. @defaultValue Math.random */
  readonly random?: () => number;
  /** Told when a renewal failed, which no caller notices. @defaultValue nobody is told */
  readonly onRenewalFailed?: (error: unknown) => void;
  /**
   * The place in a cell that holds the token together with other instances.
   * @defaultValue a cell of its own
   */
  readonly membership?: CellMembership;
  /** How long a caller waits until a fetch may start, in milliseconds. @defaultValue 4000 */
  readonly patienceMs?: number;
}

/**
 * Holds one access token for any number of callers, of one instance or several. They share one
 * fetch; the token is renewed in the background 5 to 4 minutes before its end (half-way when it
 * lives less than 10 minutes), and serves until its end while that takes or fails. A fetch that
 * failed is not remembered; after several in a row, further ones wait: see {@link FailureBackoff}.
 */
export class AccessTokenCache implements TokenSource {
  readonly #fetchToken: AccessTokenCacheParts['fetchToken'];
  readonly #nowMs: () => number;
  readonly #random: () => number;
  readonly #patienceMs: number;
  readonly #onRenewalFailed: AccessTokenCacheParts['onRenewalFailed'];
  readonly #failures: FailureBackoff;
  readonly #cell: TokenCell;
  readonly #leaveCell: (() => void) | undefined;
  #lastFailure: unknown;

  /** Fetches nothing yet. */
  constructor(parts: AccessTokenCacheParts) {
    const { fetchToken, nowMs, random, patienceMs, onRenewalFailed, membership } = parts;
    this.#onRenewalFailed = onRenewalFailed;
    this.#fetchToken = fetchToken;
    this.#nowMs = nowMs ?? elapsedMs;
    this.#random = random ?? Math.random;
    this.#patienceMs = patienceMs ?? PATIENCE_MS;
    this.#failures = new FailureBackoff(this.#nowMs, FAILURE_PACING);
    this.#cell = membership?.cell ?? new TokenCell(this.#nowMs);
    this.#leaveCell = membership?.leave;
  }

  /**
   * A token that is good now. While a good one is held, its renewal does not keep anybody waiting.
   * The signal ends this caller's waiting only.
   * @throws {@link WxCloudStorageError} as the fetch does; `WX_CLOUD_TOKEN_REJECTED` when every new
   * token is refused
   */
  async get(signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    const { held, nextRenewalAtMs } = this.#cell;
    const nowMs = this.#nowMs();
    if (held === undefined || nowMs >= held.expiresAtMs) return this.#getNew(signal);
    if (nowMs >= held.renewAtMs && nowMs >= nextRenewalAtMs) this.#renew();
    return held.accessToken;
  }

  /** Takes note that WeChat let a token through. */
  confirm(): void {
    this.#cell.refusals.succeeded();
  }

  /** Drops a token that WeChat refused, unless a newer one has taken its place. */
  invalidate(rejected: string): void {
    const { held, refusals } = this.#cell;
    if (held?.accessToken !== rejected) return;
    this.#cell.held = undefined;
    this.#cell.rejected = rejected;
    if (this.#nowMs() - held.fetchedAtMs <= YOUNG_MS) refusals.failed();
    else refusals.succeeded();
  }

  /** Gives up the place among the instances that hold the token together. */
  close(): void {
    this.#leaveCell?.();
  }

  /** A fetch that may start soon is waited for; one that may not fails the call at once. */
  async #getNew(signal?: AbortSignal): Promise<string> {
    const running = this.#cell.fetching;
    if (running !== undefined && running.by !== this) return this.#getFromOther(running, signal);
    const waitMs = running === undefined ? this.#paceMs() : 0;
    if (waitMs > this.#patienceMs) {
      throw this.#failures.waitMs > 0
        ? stillFailing(this.#lastFailure, waitMs)
        : stillRefused(waitMs);
    }
    if (waitMs === 0) return untilAborted(this.#fetchOnce(), signal);
    await delay(waitMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
    return this.get(signal);
  }

  /**
   * Another instance fetches with its own means, which may fail, or end with it, where these do
   * not. What WeChat itself refuses it would refuse again.
   */
  async #getFromOther({ token }: RunningFetch, signal?: AbortSignal): Promise<string> {
    try {
      return await untilAborted(token, signal);
    } catch (error) {
      if (error instanceof WxCloudStorageError && error.errcode !== undefined) throw error;
    }
    return this.get(signal);
  }

  #paceMs(): number {
    return Math.max(this.#failures.waitMs, this.#cell.refusals.waitMs);
  }

  /**
   * In the background; after a failure the old token serves, and the next renewal waits a little.
   */
  #renew(): void {
    if (this.#cell.fetching !== undefined) return;
    this.#fetchOnce().catch((error: unknown) => {
      this.#cell.nextRenewalAtMs = this.#nowMs() + RENEWAL_PAUSE_MS;
      this.#onRenewalFailed?.(error);
    });
  }

  #fetchOnce(): Promise<string> {
    const cell = this.#cell;
    cell.fetching ??= {
      by: this,
      token: this.#fetch().finally(() => {
        cell.fetching = undefined;
      }),
    };
    return cell.fetching.token;
  }

  async #fetch(): Promise<string> {
    try {
      const { held, rejected } = this.#cell;
      const token = await this.#fetchToken({ rejected, held: held?.accessToken });
      this.#failures.succeeded();
      return this.#hold(token);
    } catch (error) {
      this.#failures.failed();
      this.#lastFailure = error;
      throw error;
    }
  }

  #hold({ accessToken, expiresInSeconds, sinceMs }: FetchedToken): string {
    const lifeMs = expiresInSeconds * 1000;
    const marginMs = Math.min(RENEWAL_MARGIN_MS, lifeMs / 2);
    const fetchedAtMs = sinceMs ?? this.#nowMs();
    const expiresAtMs = fetchedAtMs + lifeMs;
    const renewAtMs = expiresAtMs - marginMs * (1 - RENEWAL_JITTER * this.#random());
    this.#cell.held = { accessToken, fetchedAtMs, renewAtMs, expiresAtMs };
    return accessToken;
  }
}

/**
 * What failed last is still known to fail; its code and numbers are what the caller has to act on.
 */
function stillFailing(last: unknown, waitMs: number): unknown {
  if (!(last instanceof WxCloudStorageError)) return last;
  const { code, retryable, errcode, errmsg, endpoint, requestId, upstreamStatus } = last;
  return new WxCloudStorageError({
    code,
    message: `${messageWithoutLink(last)} It failed several times in a row, so it is tried again in ${toSeconds(waitMs)}.`,
    retryable,
    errcode,
    errmsg,
    endpoint,
    requestId,
    upstreamStatus,
    cause: last,
  });
}

function stillRefused(waitMs: number): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_TOKEN_REJECTED',
    message: `One new access token after the other was refused, so the next one is asked for in ${toSeconds(waitMs)}. See that nothing else fetches classic tokens for this AppID.`,
  });
}

function toSeconds(ms: number): string {
  return `${Math.ceil(ms / 1000)} s`;
}
