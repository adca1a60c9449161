import { WxCloudStorageError } from '../../errors/errors.js';
import { untilAborted } from '../../operations/deadline.js';
import type { ResolvedCustomAuth } from '../../options/resolved-options.js';
import type { AccessToken } from '../endpoints.js';

/** Named in errors in place of a remote operation. */
export const CUSTOM_TOKEN_ENDPOINT = 'auth.getToken';

/**
 * Asks the application's own function for a token. The signal ends the waiting only.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_CREDENTIAL_UNAVAILABLE` when it throws, or gives
 * something else
 */
export async function getCustomToken(
  { getToken }: ResolvedCustomAuth,
  signal: AbortSignal,
): Promise<AccessToken> {
  const given: unknown = await untilAborted(callOnce(getToken), signal);
  const { accessToken, expiresInSeconds } = (given ?? {}) as Partial<AccessToken>;
  const isToken = typeof accessToken === 'string' && accessToken !== '';
  const isLife = typeof expiresInSeconds === 'number' && Number.isFinite(expiresInSeconds);
  if (isToken && isLife && expiresInSeconds > 0) return { accessToken, expiresInSeconds };
  throw unavailable('it gave no { accessToken, expiresInSeconds } with a token and its life');
}

async function callOnce(getToken: ResolvedCustomAuth['getToken']): Promise<unknown> {
  try {
    return await getToken();
  } catch (error) {
    throw unavailable('it failed', error);
  }
}

function unavailable(what: string, cause?: unknown): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
    message: `${CUSTOM_TOKEN_ENDPOINT}: the function of auth could not give a token: ${what}. See that it works.`,
    retryable: cause !== undefined,
    endpoint: CUSTOM_TOKEN_ENDPOINT,
    cause,
  });
}
