import { performance } from 'node:perf_hooks';
import { WxCloudStorageError } from '../errors/index.js';
import { untilAborted } from '../transport/index.js';
import type { AccessToken } from '../wire/index.js';

/** A token is renewed this long before its end: for as long WeChat serves the old one beside the new. */
const RENEWAL_MARGIN_MS = 300_000;

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
 * token is renewed 5 minutes before its end (half-way when it lives less than 10 minutes), and while a renewal fails
 * the old one serves until its end.
 */
export class AccessTokenCache {
  readonly #fetchToken: () => Promise<AccessToken>;
  readonly #nowMs: () => number;
  #held: HeldToken | undefined;
  #fetching: Promise<string> | undefined;

  /** Fetches nothing yet. */
  constructor({ fetchToken, nowMs = () => performance.now() }: AccessTokenCacheParts) {
    this.#fetchToken = fetchToken;
    this.#nowMs = nowMs;
  }

  /** A token that is good now. The signal ends this caller's waiting only. @throws {@link WxCloudStorageError} as the fetch does */
  async get(signal?: AbortSignal): Promise<string> {
    const held = this.#held;
    if (held !== undefined && this.#nowMs() < held.renewAtMs) return held.accessToken;
    try {
      return await untilAborted(this.#fetchOnce(), signal);
    } catch (error) {
      const isServing =
        this.#held === held && held !== undefined && this.#nowMs() < held.expiresAtMs;
      if (isServing && signal?.aborted !== true) return held.accessToken;
      throw error;
    }
  }

  /** Drops a token that WeChat refused, unless a newer one has taken its place. */
  invalidate(rejected: string): void {
    if (this.#held?.accessToken === rejected) this.#held = undefined;
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
