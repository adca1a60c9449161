import { WxCloudStorageError } from '../../errors/errors.js';
import { toSafeCause } from '../../errors/redaction.js';
import { untilAborted } from '../../operations/deadline.js';
import type { ResolvedCustomAuth, ResolvedTokenCallAuth } from '../../options/resolved-options.js';
import { CUSTOM_TOKEN_ENDPOINT } from '../api-errors.js';
import {
  type AccessToken,
  CLASSIC_TOKEN_ENDPOINT,
  type ClassicTokenQuery,
  decodeAccessToken,
  STABLE_TOKEN_ENDPOINT,
  type StableTokenRequest,
} from '../endpoints.js';
import type { FetchedToken, JsonApi } from '../wechat-api.js';

/** @see https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken */
const TIMES_A_DAY = 20;
const INTERVAL_MS = 30_000;
const DAY_MS = 86_400_000;

/** Lifetime of a custom token that was given without one. */
const UNTOLD_LIFETIME_SECONDS = 60;
/** WeChat's longest tokens have about 512 characters. */
const TOKEN_PATTERN = /^[\u0021-\u007e]{1,4096}$/;

/**
 * Budget for forced new stable tokens of an AppID in this process: 20 times in 24 hours, 30 seconds
 * apart, as WeChat allows.
 */
export class ForcedRefreshBudget {
  readonly #nowMs: () => number;
  #takenAtMs: readonly number[] = [];

  /** Creates an unused budget. `nowMs` is a monotonic clock. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Uses the budget once; false when it is used up or was used too recently. */
  take(): boolean {
    const nowMs = this.#nowMs();
    const recent = this.#takenAtMs.filter(time => nowMs - time < DAY_MS);
    const last = recent.at(-1) ?? -Infinity;
    if (recent.length >= TIMES_A_DAY || nowMs - last < INTERVAL_MS) return false;
    this.#takenAtMs = [...recent, nowMs];
    return true;
  }
}

/** Tokens that a fetch is to replace. */
export interface TokensToReplace {
  /** The token that WeChat refused last; undefined when it has refused none. */
  readonly rejected: string | undefined;
  /** The token that is renewed while it is still valid; undefined without one. */
  readonly held: string | undefined;
}

/**
 * Makes one token call of the kind that `auth` names. `isForced` invalidates the stable token at
 * once and replaces it.
 * @throws {@link WxCloudStorageError} like {@link JsonApi.call}
 */
export async function fetchAccessToken(
  api: JsonApi,
  auth: ResolvedTokenCallAuth,
  signal: AbortSignal,
  isForced = false,
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

/** Fetches tokens with the instance's AppSecret. */
export class TokenFetcher {
  readonly #api: JsonApi;
  readonly #auth: ResolvedTokenCallAuth;
  readonly #nowMs: () => number;
  readonly #forced: ForcedRefreshBudget;

  /**
   * Creates a fetcher that has fetched nothing yet. `nowMs` is a monotonic clock, `forced` the
   * budget of all instances with the AppID.
   */
  constructor(
    api: JsonApi,
    auth: ResolvedTokenCallAuth,
    nowMs: () => number,
    forced: ForcedRefreshBudget,
  ) {
    this.#api = api;
    this.#auth = auth;
    this.#nowMs = nowMs;
    this.#forced = forced;
  }

  /**
   * Fetches a token. The stable call returns the same token while it is valid; if that is the
   * refused token, a new one is forced, within the budget.
   */
  async fetch({ rejected }: TokensToReplace, signal: AbortSignal): Promise<FetchedToken> {
    const token = await this.#call(signal);
    const isUseless = token.accessToken === rejected;
    if (!isUseless || this.#auth.type !== 'stable-token' || !this.#forced.take()) return token;
    return this.#call(signal, true);
  }

  /**
   * Makes one token call. The lifetime is counted from the request, as a frozen process reads the
   * response late.
   */
  async #call(signal: AbortSignal, isForced?: boolean): Promise<FetchedToken> {
    const sinceMs = this.#nowMs();
    return { ...(await fetchAccessToken(this.#api, this.#auth, signal, isForced)), sinceMs };
  }
}

/**
 * Calls the application's own function for a token. The signal only ends the wait.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_CREDENTIAL_UNAVAILABLE` when it throws or returns
 * something else
 */
export async function getCustomToken(
  auth: ResolvedCustomAuth,
  unwanted: TokensToReplace,
  signal: AbortSignal,
): Promise<AccessToken> {
  const result: unknown = await untilAborted(callOnce(auth, unwanted), signal);
  const given =
    typeof result === 'string'
      ? { accessToken: result, expiresInSeconds: UNTOLD_LIFETIME_SECONDS }
      : ((result ?? {}) as Partial<AccessToken>);
  const { accessToken, expiresInSeconds } = given;
  const isToken = typeof accessToken === 'string' && TOKEN_PATTERN.test(accessToken);
  const isLifetime = typeof expiresInSeconds === 'number' && Number.isFinite(expiresInSeconds);
  if (isToken && isLifetime && expiresInSeconds > 0) return { accessToken, expiresInSeconds };
  throw unavailable(
    'it returned no { accessToken, expiresInSeconds } with a token of printable ASCII and its lifetime',
  );
}

/** Errors of the function may carry whole requests, with the credentials of a token server. */
async function callOnce(
  { appid, getToken }: ResolvedCustomAuth,
  { rejected, held }: TokensToReplace,
): Promise<unknown> {
  try {
    return await getToken({ appid: appid ?? '', rejected });
  } catch (error) {
    throw unavailable('it failed', toSafeCause(error, [rejected ?? '', held ?? '']));
  }
}

function unavailable(problem: string, cause?: unknown): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
    message: `${CUSTOM_TOKEN_ENDPOINT}: the function of auth could not provide a token: ${problem}. Make sure that it works.`,
    retryable: cause !== undefined,
    endpoint: CUSTOM_TOKEN_ENDPOINT,
    cause,
  });
}
