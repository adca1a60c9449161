import { setTimeout as delay } from 'node:timers/promises';
import { messageWithoutLink, WxCloudStorageError } from '../../errors/errors.js';
import { elapsedMs, untilAborted } from '../../operations/deadline.js';
import { CUSTOM_TOKEN_ENDPOINT } from '../api-errors.js';
import type { FetchedToken, TokenSource } from '../wechat-api.js';
import { FailureBackoff } from './failure-backoff.js';
import { type CellMembership, FAILURE_WAITS, type RunningFetch, TokenCell } from './token-cell.js';
import type { TokensToReplace } from './token-fetcher.js';

/**
 * Time before its expiry at which a token is renewed. WeChat accepts the old token beside the new
 * one for this long.
 */
const RENEWAL_MARGIN_MS = 300_000;
/**
 * Random share of the margin by which a renewal is delayed, so that replicas that started together
 * do not renew together.
 */
const RENEWAL_JITTER = 0.2;
/** Pause after a failed renewal, so that an outage does not use up the day's quota. */
const RENEWAL_PAUSE_MS = 30_000;
/** A token refused at this age or younger counts as useless. */
const USELESS_AGE_MS = 600_000;

/** The longest wait for a fetch; longer waits would only pile up requests. */
const MAX_WAIT_MS = 4_000;

/** Dependencies and settings of an {@link AccessTokenCache}. */
interface AccessTokenCacheParts {
  /** Fetches a token to replace the unwanted ones; must settle by itself. */
  readonly fetchToken: (unwanted: TokensToReplace) => Promise<FetchedToken>;
  /**
   * Monotonic clock in milliseconds.
   * @defaultValue `elapsedMs`
   */
  readonly nowMs?: () => number;
  /**
   * Random source for the jitter, from 0 to below 1.
   * @defaultValue Math.random
   */
  readonly random?: () => number;
  /**
   * Called when a renewal has failed, which no caller notices.
   * @defaultValue none
   */
  readonly onRenewalFailed?: (error: unknown) => void;
  /**
   * Membership in a cell that other instances share.
   * @defaultValue a cell of its own
   */
  readonly membership?: CellMembership;
  /**
   * The longest time in milliseconds that a caller waits for the start of a fetch.
   * @defaultValue 4000
   */
  readonly patienceMs?: number;
}

/**
 * Holds one access token for any number of callers of one or several instances. Callers share one
 * fetch. The token is renewed in the background 5 to 4 minutes before it expires (half-way when it
 * lives less than 10 minutes), and stays in use until then while the renewal takes or fails. A
 * failed fetch is not remembered; after several failures in a row, further fetches wait: see
 * {@link FailureBackoff}.
 */
export class AccessTokenCache implements TokenSource {
  readonly #fetchToken: AccessTokenCacheParts['fetchToken'];
  readonly #nowMs: () => number;
  readonly #random: () => number;
  readonly #patienceMs: number;
  readonly #onRenewalFailed: AccessTokenCacheParts['onRenewalFailed'];
  /** Failures that other instances may not have, such as those of this one's connections. */
  readonly #ownFailures: FailureBackoff;
  readonly #cell: TokenCell;
  readonly #leaveCell: (() => void) | undefined;

  /** Creates a cache that has fetched nothing yet. */
  constructor(parts: AccessTokenCacheParts) {
    const { fetchToken, nowMs, random, patienceMs, onRenewalFailed, membership } = parts;
    this.#onRenewalFailed = onRenewalFailed;
    this.#fetchToken = fetchToken;
    this.#nowMs = nowMs ?? elapsedMs;
    this.#random = random ?? Math.random;
    this.#patienceMs = patienceMs ?? MAX_WAIT_MS;
    this.#ownFailures = new FailureBackoff(this.#nowMs, FAILURE_WAITS);
    this.#cell = membership?.cell ?? new TokenCell(this.#nowMs);
    this.#leaveCell = membership?.leave;
  }

  /**
   * Returns a valid token. The renewal of a token that is still valid does not delay the caller.
   * The signal only ends the wait of this caller.
   * @throws {@link WxCloudStorageError} from the fetch; `WX_CLOUD_TOKEN_REJECTED` when every new
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

  /** Records that WeChat has accepted a token. */
  confirm(): void {
    this.#cell.refusals.succeeded();
  }

  /** Drops a token that WeChat has refused, unless a newer one has replaced it. */
  invalidate(rejected: string): void {
    const { held, refusals } = this.#cell;
    if (held?.accessToken !== rejected) return;
    this.#cell.held = undefined;
    this.#cell.rejected = rejected;
    if (this.#nowMs() - held.fetchedAtMs <= USELESS_AGE_MS) refusals.failed();
    else refusals.succeeded();
  }

  /** Leaves the instances that share the token. */
  close(): void {
    this.#leaveCell?.();
  }

  /** Waits for a fetch that may start soon; fails at once when it may not. */
  async #getNew(signal?: AbortSignal): Promise<string> {
    const running = this.#cell.fetching;
    if (running !== undefined && running.by !== this) return this.#getFromOther(running, signal);
    const waitMs = running === undefined ? this.#waitMs() : 0;
    if (waitMs > this.#patienceMs) {
      const failing = this.#failures.find(each => each.waitMs > 0);
      throw failing === undefined ? stillRefused(waitMs) : stillFailing(failing.last, waitMs);
    }
    if (waitMs === 0) return untilAborted(this.#fetchOnce(), signal);
    await delay(waitMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
    return this.get(signal);
  }

  /**
   * Waits for the fetch of another instance, which may fail or end with that instance; then this
   * instance fetches itself. Refusals by WeChat itself, and failures of a function that both
   * instances have, would be repeated, so they are final.
   */
  async #getFromOther({ token }: RunningFetch, signal?: AbortSignal): Promise<string> {
    try {
      return await untilAborted(token, signal);
    } catch (error) {
      if (wouldBeRepeated(error)) throw error;
    }
    return this.get(signal);
  }

  #waitMs(): number {
    const waits = [this.#cell.refusals, ...this.#failures].map(({ waitMs }) => waitMs);
    return Math.max(...waits);
  }

  get #failures(): readonly FailureBackoff[] {
    return [this.#ownFailures, this.#cell.failures];
  }

  /**
   * Renews in the background. After a failure the old token stays in use, and the next renewal
   * waits.
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
      for (const failures of this.#failures) failures.succeeded();
      return this.#hold(token);
    } catch (error) {
      const failures = wouldBeRepeated(error) ? this.#cell.failures : this.#ownFailures;
      failures.failed(error);
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

/** True for failures that every instance with the same credentials would have. */
function wouldBeRepeated(error: unknown): boolean {
  if (!(error instanceof WxCloudStorageError)) return false;
  return error.errcode !== undefined || error.endpoint === CUSTOM_TOKEN_ENDPOINT;
}

/**
 * Creates an error for a fetch that is delayed after failures, with the code and numbers of the
 * last failure.
 */
function stillFailing(last: unknown, waitMs: number): unknown {
  if (!(last instanceof WxCloudStorageError)) return last;
  const { code, retryable, errcode, errmsg, endpoint, requestId, upstreamStatus } = last;
  return new WxCloudStorageError({
    code,
    message: `${messageWithoutLink(last)} It failed several times in a row, so the next attempt is in ${toSeconds(waitMs)}.`,
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
    message: `Several new access tokens in a row were refused, so the next one is fetched in ${toSeconds(waitMs)}. Make sure that nothing else fetches classic tokens for this AppID.`,
  });
}

function toSeconds(ms: number): string {
  return `${Math.ceil(ms / 1000)} s`;
}
