import { performance } from 'node:perf_hooks';
import type {
  AccessTokenStore,
  WxAccessTokenLock,
  WxStoredAccessToken,
} from '../../lib/options/options.js';

/** A lock that was taken last. */
interface HeldLock {
  readonly fence: number;
  readonly endsAtMs: number;
}

/** A store for one process, as simple as the interface allows. */
export class MemoryAccessTokenStore implements AccessTokenStore {
  readonly #tokens = new Map<string, { readonly accessToken: string; readonly endsAtMs: number }>();
  readonly #locks = new Map<string, HeldLock>();

  async get(key: string): Promise<WxStoredAccessToken | undefined> {
    const token = this.#tokens.get(key);
    const expiresInMs = (token?.endsAtMs ?? 0) - performance.now();
    return token === undefined || expiresInMs <= 0
      ? undefined
      : { accessToken: token.accessToken, expiresInMs };
  }

  async set(key: string, token: WxStoredAccessToken, lock: WxAccessTokenLock): Promise<boolean> {
    if ((this.#locks.get(key)?.fence ?? 0) > lock.fence) return false;
    const endsAtMs = performance.now() + token.expiresInMs;
    this.#tokens.set(key, { accessToken: token.accessToken, endsAtMs });
    return true;
  }

  async lock(key: string, ttlMs: number): Promise<WxAccessTokenLock | undefined> {
    const { fence: last, endsAtMs } = this.#locks.get(key) ?? { fence: 0, endsAtMs: 0 };
    if (endsAtMs > performance.now()) return undefined;
    const fence = last + 1;
    this.#locks.set(key, { fence, endsAtMs: performance.now() + ttlMs });
    return { fence, release: async () => this.#release(key, fence) };
  }

  #release(key: string, fence: number): void {
    if (this.#locks.get(key)?.fence === fence) this.#locks.set(key, { fence, endsAtMs: 0 });
  }
}
