import { createHmac } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type RareWarnings, runUntraced } from '../../diagnostics.js';
import { WxCloudStorageError } from '../../errors/errors.js';
import type {
  WxAccessTokenLock,
  AccessTokenStore,
  WxStoredAccessToken,
} from '../../options/options.js';
import type { ResolvedTokenCallAuth } from '../../options/resolved-options.js';
import type { FetchedToken } from '../wechat-api.js';
import type { TokenCell } from './token-cell.js';
import type { TokensToReplace } from './token-fetcher.js';

const SECRET_MARK_LABEL = 'nestjs-wx-cloud-storage secret mark, 1';
/** Enough to distinguish secrets, and too little to find one. */
const SECRET_MARK_CHARACTERS = 22;

/** Time limit for one call of the store. */
const STORE_MS = 1_000;
/** Pause before a failed store is used again. */
const STORE_PAUSE_MS = 5_000;
/**
 * Lifetime of the lock: longer than a token call, and the time for which a dead process blocks the
 * others.
 */
const LOCK_MS = 15_000;
/** Interval at which waiting processes look for the new token. */
const POLL_MS = 100;
/** Tokens with a shorter remaining lifetime are not taken over. */
const MIN_LIFETIME_MS = 10_000;
/** WeChat's API has several hosts (`api2`, `sh.api`), with the same tokens. */
const WECHAT_HOSTS = '.weixin.qq.com';

/**
 * Returns the key under which a token is kept and shared, in this process and in a store: tokens
 * belong to the AppID, in any environment. The key ends with a mark of the AppSecret, so that a
 * wrong secret does not get the token of the right one. The mark is an HMAC with the secret as its
 * key. It also distinguishes WeChat's API from a gateway or emulator in its place, whose tokens are
 * different ones.
 */
export function tokenOwner(
  { appid, type, secret }: ResolvedTokenCallAuth,
  apiBaseUrl: string,
): string {
  const isWechat = new URL(apiBaseUrl).hostname.endsWith(WECHAT_HOSTS);
  const elsewhere = isWechat ? [] : [apiBaseUrl];
  const mark = createHmac('sha256', secret.reveal())
    .update(JSON.stringify([SECRET_MARK_LABEL, appid, type, ...elsewhere]))
    .digest('base64url')
    .slice(0, SECRET_MARK_CHARACTERS);
  return `${appid}:${type}:${mark}`;
}

/** Dependencies of a {@link SharedTokenFetcher}. */
interface SharedTokenFetcherParts {
  /** The store that the processes share. */
  readonly store: AccessTokenStore;
  /** Key in the store: AppID, type and a mark of the secret. */
  readonly key: string;
  /** Fetches a token from WeChat. */
  readonly fetchToken: (unwanted: TokensToReplace, signal: AbortSignal) => Promise<FetchedToken>;
  /** Monotonic clock in milliseconds. */
  readonly nowMs: () => number;
  /** Warns of a failed store, once for all instances that use it. */
  readonly warnings: RareWarnings;
  /** The pauses of all instances that share the token. */
  readonly cell: Pick<TokenCell, 'alone' | 'storeBackAtMs'>;
}

/**
 * Fetches a token for all processes that share a store: one process calls WeChat, and the others
 * wait for its token. When the store is slow or unreachable, this process fetches for itself, less
 * and less often.
 */
export class SharedTokenFetcher {
  readonly #parts: SharedTokenFetcherParts;

  /** Creates a fetcher that has fetched nothing yet. */
  constructor(parts: SharedTokenFetcherParts) {
    this.#parts = parts;
  }

  /** Returns a token other than the unwanted ones. The signal ends everything. */
  async fetch(unwanted: TokensToReplace, signal: AbortSignal): Promise<FetchedToken> {
    const { cell, nowMs, warnings } = this.#parts;
    if (nowMs() < cell.storeBackAtMs) return this.#fetchAlone(unwanted, signal);
    try {
      return await this.#fetchShared(unwanted, signal);
    } catch (error) {
      if (!(error instanceof StoreFailure)) throw error;
      cell.storeBackAtMs = nowMs() + STORE_PAUSE_MS;
      warnings.warn(
        'token store',
        `The store for access tokens ${error.message}. This process does without it for ${STORE_PAUSE_MS / 1000} s, and fetches a token for itself. Make sure that the store works.`,
      );
      return this.#fetchAlone(unwanted, signal);
    }
  }

  async #fetchShared(unwanted: TokensToReplace, signal: AbortSignal): Promise<FetchedToken> {
    let voided: FetchedToken | undefined;
    for (;;) {
      try {
        const shared = await this.#take(unwanted);
        if (shared !== undefined) return shared;
        const lock = await this.#lock();
        const fetched = lock && (await this.#fetchLocked(lock, unwanted, signal));
        // A store that refuses again and again must not use up the day's quota.
        if (fetched?.isCurrent === true || (fetched && voided)) return fetched.token;
        voided ??= fetched?.token;
      } catch (error) {
        if (voided === undefined || !(error instanceof StoreFailure)) throw error;
        // A further fetch would invalidate the token of the process with the newer lock.
        return voided;
      }
      await delay(POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  /**
   * Fetches under the lock. `isCurrent` is false when another process has taken the lock meanwhile.
   */
  async #fetchLocked(
    lock: WxAccessTokenLock,
    unwanted: TokensToReplace,
    signal: AbortSignal,
  ): Promise<{ readonly token: FetchedToken; readonly isCurrent: boolean }> {
    try {
      // Another process may have fetched a token between the look and the lock.
      const shared = await this.#take(unwanted);
      if (shared !== undefined) return { token: shared, isCurrent: true };
      const token = await this.#parts.fetchToken(unwanted, signal);
      return { token, isCurrent: await this.#share(token, lock) };
    } finally {
      // A lock that cannot be released expires soon.
      await withTimeLimit(lock.release()).catch(() => {});
    }
  }

  async #take(unwanted: TokensToReplace): Promise<FetchedToken | undefined> {
    const { store, key, cell, nowMs } = this.#parts;
    const sinceMs = nowMs();
    const shared = await withTimeLimit(store.get(key));
    cell.alone.succeeded();
    return isUsable(shared, unwanted)
      ? { accessToken: shared.accessToken, expiresInSeconds: shared.expiresInMs / 1000, sinceMs }
      : undefined;
  }

  /**
   * Takes the lock. A lock that arrives too late would block every process, so it is released at
   * once.
   */
  #lock(): Promise<WxAccessTokenLock | undefined> {
    const { store, key } = this.#parts;
    return withTimeLimit(store.lock(key, LOCK_MS), late => void late?.release().catch(() => {}));
  }

  /**
   * Shares a new token, which stays valid even if that fails. Returns false when another process
   * has a newer lock: its token is used by all others, and it invalidates this one if the tokens
   * are classic ones.
   */
  async #share(
    { accessToken, expiresInSeconds, sinceMs }: FetchedToken,
    lock: WxAccessTokenLock,
  ): Promise<boolean> {
    const { store, key, warnings, nowMs } = this.#parts;
    const ageMs = sinceMs === undefined ? 0 : nowMs() - sinceMs;
    const token: WxStoredAccessToken = {
      accessToken,
      expiresInMs: expiresInSeconds * 1000 - ageMs,
    };
    try {
      // Instrumentations of Redis show all arguments of a script.
      const setting = runUntraced(() => store.set(key, token, lock));
      return (await withTimeLimit(setting)) !== false;
    } catch (error) {
      warnings.warn(
        'token not shared',
        `The store for access tokens ${String((error as Error).message)}, so a new token was not shared, and other processes fetch their own. Make sure that the store works.`,
      );
      return true;
    }
  }

  async #fetchAlone(unwanted: TokensToReplace, signal: AbortSignal): Promise<FetchedToken> {
    const { alone } = this.#parts.cell;
    const { waitMs } = alone;
    if (waitMs > 0) throw storeUnavailable(waitMs);
    const token = await this.#parts.fetchToken(unwanted, signal);
    alone.failed();
    return token;
  }
}

function isUsable(
  shared: WxStoredAccessToken | undefined,
  { rejected, held }: TokensToReplace,
): shared is WxStoredAccessToken {
  if (shared === undefined || shared.expiresInMs < MIN_LIFETIME_MS) return false;
  return shared.accessToken !== rejected && shared.accessToken !== held;
}

/** A failure of the store, not of WeChat. */
class StoreFailure extends Error {}

/**
 * Limits the time of a call of the store. Errors of the store may contain a token or a password, so
 * they are not passed on.
 */
async function withTimeLimit<T>(work: Promise<T>, onLate?: (result: T) => void): Promise<T> {
  const clock = new AbortController();
  let isLate = false;
  const timeIsUp = delay(STORE_MS, undefined, { signal: clock.signal }).then(() => {
    isLate = true;
    throw new StoreFailure(`did not respond within ${STORE_MS} ms`);
  });
  const settled = work.then(
    result => {
      if (isLate) onLate?.(result);
      return result;
    },
    () => {
      throw new StoreFailure('failed');
    },
  );
  try {
    return await Promise.race([settled, timeIsUp]);
  } finally {
    clock.abort();
    // The loser of the race may still reject.
    timeIsUp.catch(() => {});
    settled.catch(() => {});
  }
}

function storeUnavailable(waitMs: number): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
    message: `The store for access tokens is unavailable, and this process has fetched several tokens for itself; it fetches the next one in ${Math.ceil(waitMs / 1000)} s. Make sure that the store works.`,
    retryable: true,
  });
}
