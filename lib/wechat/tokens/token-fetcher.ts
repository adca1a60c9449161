import { WxCloudStorageError } from '../../errors/errors.js';
import type { ResolvedTokenCallAuth } from '../../options/resolved-options.js';
import {
  type AccessToken,
  CLASSIC_TOKEN_ENDPOINT,
  type ClassicTokenQuery,
  decodeAccessToken,
  STABLE_TOKEN_ENDPOINT,
  type StableTokenRequest,
} from '../endpoints.js';
import type { FetchedToken, JsonApi } from '../wechat-api.js';
import { CUSTOM_TOKEN_ENDPOINT } from './custom-token.js';

/** @see https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken */
const TIMES_A_DAY = 20;
const INTERVAL_MS = 30_000;
const DAY_MS = 86_400_000;

/**
 * How often this process may force a new stable token: 20 times in 24 hours, 30 seconds apart, as
 * WeChat allows.
 */
export class ForcedRefreshBudget {
  readonly #nowMs: () => number;
  #takenAtMs: readonly number[] = [];

  /** `nowMs` is a clock that is never set. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Takes one time, or answers false when none is left or the last one was too recent. */
  take(): boolean {
    const nowMs = this.#nowMs();
    const recent = this.#takenAtMs.filter(time => nowMs - time < DAY_MS);
    const last = recent.at(-1) ?? -Infinity;
    if (recent.length >= TIMES_A_DAY || nowMs - last < INTERVAL_MS) return false;
    this.#takenAtMs = [...recent, nowMs];
    return true;
  }
}

/** The tokens that a fetch is to replace. */
export interface TokensToReplace {
  /** The one that WeChat refused last; undefined when it refused none. */
  readonly rejected: string | undefined;
  /** The one that is to be renewed while it still serves; undefined when there is none. */
  readonly held: string | undefined;
}

/** How one token call is made. */
interface TokenCall {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** True when the stable token is voided at once and replaced. @defaultValue false */
  readonly isForced?: boolean;
}

/**
 * Makes one token call of the kind that `auth` names.
 * @throws {@link WxCloudStorageError} as {@link JsonApi.call} does
 */
export async function fetchAccessToken(
  api: JsonApi,
  auth: ResolvedTokenCallAuth,
  { signal, isForced = false }: TokenCall,
): Promise<AccessToken> {
  const secret = auth.secret.reveal();
  const request: ClassicTokenQuery = { grant_type: 'client_credential', appid: auth.appid, secret };
  if (auth.type === 'access-token') {
    const endpoint = CLASSIC_TOKEN_ENDPOINT;
    const response = await api.call({ endpoint, method: 'GET', query: { ...request }, signal });
    return decodeAccessToken(response, endpoint);
  }
  const endpoint = STABLE_TOKEN_ENDPOINT;
  const body: StableTokenRequest = isForced ? { ...request, force_refresh: true } : request;
  const response = await api.call({
    endpoint,
    method: 'POST',
    query: {},
    body,
    secrets: [secret],
    signal,
  });
  return decodeAccessToken(response, endpoint);
}

const TOKEN_ENDPOINTS: ReadonlySet<string | undefined> = new Set([
  CLASSIC_TOKEN_ENDPOINT,
  STABLE_TOKEN_ENDPOINT,
  CUSTOM_TOKEN_ENDPOINT,
]);

/** True when an error came from fetching a token, which has had its own tries already. */
export function isTokenCallError(error: unknown): boolean {
  return error instanceof WxCloudStorageError && TOKEN_ENDPOINTS.has(error.endpoint);
}

/** What a {@link TokenFetcher} works with. */
interface TokenFetcherParts {
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
   * Fetches a token. The stable call answers the same one while it is good; when that is the very
   * token that was refused, a new one is forced, as far as the budget allows.
   */
  async fetch({ rejected }: TokensToReplace, signal: AbortSignal): Promise<FetchedToken> {
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
