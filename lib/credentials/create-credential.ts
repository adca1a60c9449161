import { performance } from 'node:perf_hooks';
import { observed, tokenChannel, type WxCloudTokenEvent } from '../diagnostics/index.js';
import type { ResolvedOptions, ResolvedTokenCallAuth } from '../options/index.js';
import { retry, startDeadline, type JsonApi } from '../transport/index.js';
import type { AccessToken } from '../wire/index.js';
import { AccessTokenCache } from './access-token-cache.js';
import { CloudbaseTokenFile } from './cloudbase-token-file.js';
import { openApiCredential, tokenCredential, type Credential } from './credential.js';
import { getCustomToken } from './custom-token.js';
import { SharedTokenFetcher } from './shared-token-fetcher.js';
import { TokenFetcher } from './token-fetcher.js';
import type { UnwantedTokens } from './unwanted-tokens.js';

/** What a credential is made with. */
export interface CredentialParts {
  /** WeChat's API. */
  readonly api: JsonApi;
  /** The instance's options. */
  readonly options: ResolvedOptions;
  /** Where warnings go. */
  readonly warn: (message: string) => void;
}

/** Makes the credential that `auth` describes; fetches and reads nothing yet. */
export function createCredential(parts: CredentialParts): Credential {
  const { options } = parts;
  const { auth } = options;
  switch (auth.type) {
    case 'open-api-service':
      return openApiCredential(auth.fromAppid);
    case 'cloudbase-token':
      return tokenCredential(new CloudbaseTokenFile(auth), 'cloudbase_access_token');
    case 'custom': {
      const fetchToken = (): Promise<AccessToken> =>
        withTries(options, signal => getCustomToken(auth, signal));
      return tokenCredential(new AccessTokenCache({ fetchToken }));
    }
    default: {
      const fetchToken = createFetch(parts, auth);
      return tokenCredential(
        new AccessTokenCache({
          fetchToken: unwanted => withTries(options, signal => fetchToken(unwanted, signal)),
        }),
      );
    }
  }
}

type Fetch = (unwanted: UnwantedTokens, signal: AbortSignal) => Promise<AccessToken>;

/** With a store, one of the processes that share it fetches for all. */
function createFetch({ api, options, warn }: CredentialParts, auth: ResolvedTokenCallAuth): Fetch {
  const nowMs = (): number => performance.now();
  const fetcher = new TokenFetcher({ api, auth, nowMs });
  const fetchToken: Fetch = (unwanted, signal) => fetcher.fetch(unwanted, signal);
  const { store, appid, type } = auth;
  if (store === undefined) return fetchToken;
  const key = `${options.env}:${appid}:${type}`;
  const shared = new SharedTokenFetcher({ store, key, fetchToken, nowMs, warn });
  return (unwanted, signal) => shared.fetch(unwanted, signal);
}

/** Has a clock of its own: callers share a fetch, so no single one may end it. */
async function withTries(
  { env, auth, retry: policy, timeouts }: ResolvedOptions,
  work: (signal: AbortSignal) => Promise<AccessToken>,
): Promise<AccessToken> {
  const deadline = startDeadline({
    operation: 'fetching an access token',
    timeoutMs: timeouts.totalMs,
    signals: [],
  });
  const { signal } = deadline;
  try {
    return await observed<AccessToken, WxCloudTokenEvent>(
      tokenChannel,
      () => retry(() => work(signal), { policy, signal }),
      token => ({
        env,
        type: auth.type,
        ...(token && { expiresInSeconds: token.expiresInSeconds }),
      }),
    );
  } finally {
    deadline.dispose();
  }
}
