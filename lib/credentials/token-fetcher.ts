import type { ResolvedTokenCallAuth } from '../options/index.js';
import type { JsonApi } from '../transport/index.js';
import { fetchAccessToken, type TokenCall } from './fetch-access-token.js';
import { ForcedRefreshBudget } from './forced-refresh-budget.js';
import type { FetchedToken } from './token-source.js';
import type { UnwantedTokens } from './unwanted-tokens.js';

/** What a {@link TokenFetcher} works with. */
export interface TokenFetcherParts {
  /** WeChat's API. */
  readonly api: JsonApi;
  /** Which token call, and with what. */
  readonly auth: ResolvedTokenCallAuth;
  /** Milliseconds on a clock that is never set. */
  readonly nowMs: () => number;
}

/** Fetches tokens with the instance's AppSecret. */
export class TokenFetcher {
  readonly #parts: TokenFetcherParts;
  readonly #forced: ForcedRefreshBudget;

  /** Fetches nothing yet. */
  constructor(parts: TokenFetcherParts) {
    this.#parts = parts;
    this.#forced = new ForcedRefreshBudget(parts.nowMs);
  }

  /**
   * Fetches a token. The stable call answers the same one while it is good; when that is the very token that was
   * refused, a new one is forced, as far as the budget allows.
   */
  async fetch({ rejected }: UnwantedTokens, signal: AbortSignal): Promise<FetchedToken> {
    const { auth } = this.#parts;
    const token = await this.#call({ signal });
    const isUseless = token.accessToken === rejected;
    if (!isUseless || auth.type !== 'stable-token' || !this.#forced.take()) return token;
    return this.#call({ signal, isForced: true });
  }

  /**
   * A process that is frozen while the answer waits for it reads it late, so the life is counted
   * from the question.
   */
  async #call(call: TokenCall): Promise<FetchedToken> {
    const { api, auth, nowMs } = this.#parts;
    const sinceMs = nowMs();
    return { ...(await fetchAccessToken(api, auth, call)), sinceMs };
  }
}
