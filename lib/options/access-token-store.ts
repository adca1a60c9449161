/** An access token as a store keeps it. */
export interface StoredAccessToken {
  /** The token; a secret. */
  readonly accessToken: string;
  /** How long it still lives, in milliseconds. Counted by the store, so that the machines' clocks do not matter. */
  readonly expiresInMs: number;
}

/** The right to fetch a token for everybody. */
export interface AccessTokenLock {
  /** Larger than that of every lock of the same key before; by it the store knows a holder that comes too late. */
  readonly fence: number;
  /** Gives the lock back, if it is still this one's. */
  release(): Promise<void>;
}

/**
 * Where several processes share an access token, so that only one of them fetches it. Calls that fail or take longer than
 * a second are not waited for: the process goes on with what it has in memory.
 */
export interface AccessTokenStore {
  /** The token that was set last and still lives; undefined when there is none. */
  get(key: string): Promise<StoredAccessToken | undefined>;
  /** Keeps a token until its end. False, and nothing is kept, when a later lock of the key was given out meanwhile. */
  set(key: string, token: StoredAccessToken, lock: AccessTokenLock): Promise<boolean>;
  /** Takes the lock of a key for at most `ttlMs` milliseconds; undefined while another holds it. Does not wait. */
  lock(key: string, ttlMs: number): Promise<AccessTokenLock | undefined>;
}
