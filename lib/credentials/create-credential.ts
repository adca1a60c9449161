import { performance } from 'node:perf_hooks';
import type { ResolvedOptions } from '../options/index.js';
import { retry, startDeadline, type JsonApi } from '../transport/index.js';
import { AccessTokenCache } from './access-token-cache.js';
import { CloudbaseTokenFile } from './cloudbase-token-file.js';
import { openApiCredential, tokenCredential, type Credential } from './credential.js';
import { getCustomToken } from './custom-token.js';
import { TokenFetcher } from './token-fetcher.js';

/** Makes the credential that `auth` describes; fetches and reads nothing yet. */
export function createCredential(api: JsonApi, options: ResolvedOptions): Credential {
  const { auth } = options;
  switch (auth.type) {
    case 'open-api-service':
      return openApiCredential(auth.fromAppid);
    case 'cloudbase-token':
      return tokenCredential(new CloudbaseTokenFile(auth), 'cloudbase_access_token');
    case 'custom': {
      const fetchToken = (): ReturnType<typeof getCustomToken> =>
        withTries(options, signal => getCustomToken(auth, signal));
      return tokenCredential(new AccessTokenCache({ fetchToken }));
    }
    default: {
      const fetcher = new TokenFetcher({ api, auth, nowMs: () => performance.now() });
      const fetchToken = (rejected: string | undefined): ReturnType<TokenFetcher['fetch']> =>
        withTries(options, signal => fetcher.fetch(rejected, signal));
      return tokenCredential(new AccessTokenCache({ fetchToken }));
    }
  }
}

/** Has a clock of its own: callers share a fetch, so no single one may end it. */
async function withTries<T>(
  { retry: policy, timeouts }: ResolvedOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = startDeadline({
    operation: 'fetching an access token',
    timeoutMs: timeouts.totalMs,
    signals: [],
  });
  const { signal } = deadline;
  try {
    return await retry(() => work(signal), { policy, signal });
  } finally {
    deadline.dispose();
  }
}
