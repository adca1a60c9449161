import { WxCloudStorageError } from '../errors/index.js';
import type { ResolvedTokenCallAuth } from '../options/index.js';
import type { JsonApi } from '../transport/index.js';
import {
  CLASSIC_TOKEN_ENDPOINT,
  decodeAccessToken,
  STABLE_TOKEN_ENDPOINT,
  type AccessToken,
  type ClassicTokenQuery,
  type StableTokenRequest,
} from '../wire/index.js';
import { CUSTOM_TOKEN_ENDPOINT } from './custom-token.js';

/** How one token call is made. */
export interface TokenCall {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Whether the stable token is voided at once and replaced. @defaultValue false */
  readonly isForced?: boolean;
}

/** Makes one token call of the kind that `auth` names. @throws {@link WxCloudStorageError} as {@link JsonApi.call} does */
export async function fetchAccessToken(
  api: JsonApi,
  auth: ResolvedTokenCallAuth,
  { signal, isForced = false }: TokenCall,
): Promise<AccessToken> {
  const secret = auth.secret.reveal();
  const request: ClassicTokenQuery = { grant_type: 'client_credential', appid: auth.appid, secret };
  if (auth.type === 'access-token') {
    const endpoint = CLASSIC_TOKEN_ENDPOINT;
    const answer = await api.call({ endpoint, method: 'GET', query: { ...request }, signal });
    return decodeAccessToken(answer, endpoint);
  }
  const endpoint = STABLE_TOKEN_ENDPOINT;
  const body: StableTokenRequest = isForced ? { ...request, force_refresh: true } : request;
  const answer = await api.call({
    endpoint,
    method: 'POST',
    query: {},
    body,
    secrets: [secret],
    signal,
  });
  return decodeAccessToken(answer, endpoint);
}

const TOKEN_ENDPOINTS: ReadonlySet<string | undefined> = new Set([
  CLASSIC_TOKEN_ENDPOINT,
  STABLE_TOKEN_ENDPOINT,
  CUSTOM_TOKEN_ENDPOINT,
]);

/** Whether an error came from fetching a token, which has had its own tries already. */
export function isTokenCallError(error: unknown): boolean {
  return error instanceof WxCloudStorageError && TOKEN_ENDPOINTS.has(error.endpoint);
}
