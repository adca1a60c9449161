import { channels, RareWarnings, type StorageLogger, trace } from '../../diagnostics.js';
import { WxCloudStorageError } from '../../errors/errors.js';
import { elapsedMs, startDeadline } from '../../operations/deadline.js';
import { retry } from '../../operations/retry.js';
import type {
  ResolvedCustomAuth,
  ResolvedOptions,
  ResolvedTokenCallAuth,
} from '../../options/resolved-options.js';
import {
  type Credential,
  type FetchedToken,
  type JsonApi,
  openApiCredential,
  tokenCredential,
} from '../wechat-api.js';
import { AccessTokenCache } from './access-token-cache.js';
import { CloudbaseTokenFile } from './cloudbase-token-file.js';
import { SharedTokenFetcher, tokenOwner } from './shared-token-fetcher.js';
import { type CellMembership, joinCell, type TokenCell } from './token-cell.js';
import { getCustomToken, TokenFetcher, type TokensToReplace } from './token-fetcher.js';

type Fetch = (unwanted: TokensToReplace, signal: AbortSignal) => Promise<FetchedToken>;
type CredentialLogger = Pick<StorageLogger, 'warn' | 'debug'>;

/**
 * Creates the credential that `auth` describes, without a fetch or a read. `mayReturn` is true for
 * an instance that is opened at run time, whose token is kept for a while after its end.
 */
export function createCredential(
  api: JsonApi,
  options: ResolvedOptions,
  logger: CredentialLogger,
  mayReturn: boolean,
): Credential {
  const { auth, apiBaseUrl } = options;
  switch (auth.type) {
    case 'open-api-service':
      return openApiCredential(auth.fromAppid);
    case 'cloudbase-token':
      return tokenCredential(new CloudbaseTokenFile(auth.file), 'cloudbase_access_token');
    case 'custom': {
      const owner = customTokenOwner(auth);
      const membership =
        owner === undefined ? undefined : joinCell(`${apiBaseUrl} ${owner}`, elapsedMs, mayReturn);
      const fetchToken: Fetch = (unwanted, signal) => getCustomToken(auth, unwanted, signal);
      return tokenCredential(createCache(fetchToken, options, logger, membership));
    }
    default: {
      const key = tokenOwner(auth, apiBaseUrl);
      const membership = joinCell(key, elapsedMs, mayReturn);
      const { cell } = membership;
      const fetchToken = createFetch({ api, auth, logger, key, cell });
      return tokenCredential(createCache(fetchToken, options, logger, membership));
    }
  }
}

const functionNumbers = new WeakMap<ResolvedCustomAuth['getToken'], number>();
let functionsSeen = 0;

/**
 * Names the owner of a custom token: the AppID as one function knows it, as another function may
 * act for another tenant. Undefined without an AppID: the token then belongs to the instance.
 */
function customTokenOwner({ appid, getToken }: ResolvedCustomAuth): string | undefined {
  if (appid === undefined) return undefined;
  const known = functionNumbers.get(getToken) ?? (functionsSeen += 1);
  functionNumbers.set(getToken, known);
  return `${appid}:custom:${known}`;
}

function createCache(
  fetchToken: Fetch,
  options: ResolvedOptions,
  logger: CredentialLogger,
  membership: CellMembership | undefined,
): AccessTokenCache {
  return new AccessTokenCache({
    ...(membership && { membership }),
    fetchToken: async unwanted => {
      const token = await fetchWithRetries(options, signal => fetchToken(unwanted, signal));
      logger.debug(`An access token was fetched; it expires in ${token.expiresInSeconds} s.`);
      return token;
    },
    onRenewalFailed: error =>
      logger.warn(
        `The access token could not be renewed; the current one stays in use until it expires. ${describe(error)}`,
      ),
  });
}

function describe(error: unknown): string {
  return error instanceof WxCloudStorageError ? error.message : 'Check auth.';
}

/** Dependencies of the fetch of a token. */
interface FetchParts {
  readonly api: JsonApi;
  readonly auth: ResolvedTokenCallAuth;
  readonly logger: CredentialLogger;
  /** The key of the token in a store. */
  readonly key: string;
  /** The pauses and the budget of all instances that share the token. */
  readonly cell: TokenCell;
}

/**
 * Creates the fetch of a token. With a store, one of the processes that share it fetches for all.
 */
function createFetch({ api, auth, logger, key, cell }: FetchParts): Fetch {
  const nowMs = elapsedMs;
  const fetcher = new TokenFetcher(api, auth, nowMs, cell.forced);
  const fetchToken: Fetch = (unwanted, signal) => fetcher.fetch(unwanted, signal);
  const { store } = auth;
  if (store === undefined) return fetchToken;
  const warnings = new RareWarnings(logger, nowMs, store);
  const shared = new SharedTokenFetcher({ store, key, cell, fetchToken, nowMs, warnings });
  return (unwanted, signal) => shared.fetch(unwanted, signal);
}

/**
 * Runs the attempts with a deadline of their own: callers share a fetch, so no single caller may
 * end it.
 */
async function fetchWithRetries(
  { env, auth, retry: policy, timeouts }: ResolvedOptions,
  work: (signal: AbortSignal) => Promise<FetchedToken>,
): Promise<FetchedToken> {
  const { tokenMs } = timeouts;
  const deadline = startDeadline('fetching an access token', tokenMs, undefined, 'token');
  const { signal } = deadline;
  try {
    return await trace(
      channels.token,
      () => ({ env, type: auth.type }),
      async event => {
        const token = await retry(() => work(signal), policy, signal);
        if (event !== undefined) event.expiresInSeconds = token.expiresInSeconds;
        return token;
      },
      false,
    );
  } finally {
    deadline.dispose();
  }
}
