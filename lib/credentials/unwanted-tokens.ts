/** The tokens that a fetch is to replace. */
export interface UnwantedTokens {
  /** The one that WeChat refused last; undefined when it refused none. */
  readonly rejected: string | undefined;
  /** The one that is to be renewed while it still serves; undefined when there is none. */
  readonly held: string | undefined;
}
