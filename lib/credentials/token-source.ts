import type { AccessToken } from '../wire/index.js';

/** A token that was fetched. */
export interface FetchedToken extends AccessToken {
  /**
   * The moment before which its life cannot have begun, by the clock of the cache.
   * @defaultValue when it came
   */
  readonly sinceMs?: number;
}

/** Where the tokens of one instance come from, for any number of callers. */
export interface TokenSource {
  /** A token that is good now. The signal ends this caller's waiting only. */
  get(signal?: AbortSignal): Promise<string>;
  /** Takes note that WeChat let a token through. */
  confirm(): void;
  /** Drops a token that WeChat refused, unless a newer one has taken its place. */
  invalidate(rejected: string): void;
  /** The instance has ended: what it shares with others is left to them. */
  close?(): void;
}
