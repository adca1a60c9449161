/** Where the tokens of one instance come from, for any number of callers. */
export interface TokenSource {
  /** A token that is good now. The signal ends this caller's waiting only. */
  get(signal?: AbortSignal): Promise<string>;
  /** Takes note that WeChat let a token through. */
  confirm(): void;
  /** Drops a token that WeChat refused, unless a newer one has taken its place. */
  invalidate(rejected: string): void;
}
