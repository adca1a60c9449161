import { performance } from 'node:perf_hooks';
import { WxCloudStorageError } from '../errors/index.js';
import { untilAborted } from '../transport/index.js';
import type { AccessToken } from '../wire/index.js';

/** A token is renewed this long before its end: for as long WeChat serves the old one beside the new. */
const RENEWAL_MARGIN_MS = 300_000;

/** How long a failed renewal keeps the next one waiting, so that an outage does not eat the day's quota. */
const RENEWAL_PAUSE_MS = 30_000;

interface HeldToken {
  readonly accessToken: string;
  readonly renewAtMs: number;
  readonly expiresAtMs: number;
}

/** What an {@link AccessTokenCache} works with. */
export interface AccessTokenCacheParts {
  /** Asks WeChat for a token; it has to end by itself. */
  readonly fetchToken: () => Promise<AccessToken>;
  /** Milliseconds on a clock that is never set. @defaultValue `performance.now` */
  readonly nowMs?: () => number;
}

/**
 * Holds one access token for any number of callers. They share one fetch; a fetch that failed is not remembered; the
 * token is renewed in the background 5 minutes before its end (half-way when it lives less than 10 minutes), and serves
 * until its end while that takes or fails.
 */
export class AccessTokenCache {
  readonly #fetchToken: () => Promise<AccessToken>;
  readonly #nowMs: () => number;
  #held: HeldToken | undefined;
  #fetching: Promise<string> | undefined;
  #nextRenewalAtMs = 0;

  /** Fetches nothing yet. */
  constructor({ fetchToken, nowMs = () => performance.now() }: AccessTokenCacheParts) {
    this.#fetchToken = fetchToken;
    this.#nowMs = nowMs;
  }

  /**
   * A token that is good now. While a good one is held, its renewal does not keep anybody waiting. The signal ends this
   * caller's waiting only.
   * @throws {@link WxCloudStorageError} as the fetch does
   */
  async get(signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    const held = this.#held;
    const nowMs = this.#nowMs();
    if (held === undefined || nowMs >= held.expiresAtMs)
      return untilAborted(this.#fetchOnce(), signal);
    if (nowMs >= held.renewAtMs && nowMs >= this.#nextRenewalAtMs) this.#renew();
    return held.accessToken;
  }

  /** Drops a token that WeChat refused, unless a newer one has taken its place. */
  invalidate(rejected: string): void {
    if (this.#held?.accessToken === rejected) this.#held = undefined;
  }

  /** In the background; after a failure the old token serves, and the next renewal waits a little. */
  #renew(): void {
    this.#fetchOnce().catch(() => {
      this.#nextRenewalAtMs = this.#nowMs() + RENEWAL_PAUSE_MS;
    });
  }

  #fetchOnce(): Promise<string> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<string> {
    const { accessToken, expiresInSeconds } = await this.#fetchToken();
    const lifeMs = expiresInSeconds * 1000;
    const nowMs = this.#nowMs();
    this.#held = {
      accessToken,
      renewAtMs: nowMs + lifeMs - Math.min(RENEWAL_MARGIN_MS, lifeMs / 2),
      expiresAtMs: nowMs + lifeMs,
    };
    return accessToken;
  }
}

/** The error codes with which WeChat refuses a token; one renewal may help. */
const REJECTIONS: ReadonlySet<number | undefined> = new Set([40001, 40014, 42001]);

/** Whether an error says that the access token was refused. */
export function isTokenRejection(error: unknown): boolean {
  return error instanceof WxCloudStorageError && REJECTIONS.has(error.errcode);
}
