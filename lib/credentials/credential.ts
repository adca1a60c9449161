import type { TokenSource } from './token-source.js';

/** What lets the calls of one instance through. */
export interface Credential {
  /** The tokens; undefined where the surroundings add one by themselves. */
  readonly tokens: TokenSource | undefined;
  /** The query members that go with a call. */
  readonly toQuery: (token: string) => Readonly<Record<string, string>>;
}

/** Calls carry a token in the query. */
export function tokenCredential(
  tokens: TokenSource,
  parameter: 'access_token' | 'cloudbase_access_token' = 'access_token',
): Credential {
  return { tokens, toQuery: token => ({ [parameter]: token }) };
}

/**
 * Calls carry no token: the sidecar of the open API service adds it. `fromAppid` names the AppID that calls, where several
 * share one environment.
 * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/guide/weixin/open.html
 */
export function openApiCredential(fromAppid: string | undefined): Credential {
  const query: Readonly<Record<string, string>> =
    fromAppid === undefined ? {} : { from_appid: fromAppid };
  return { tokens: undefined, toQuery: () => query };
}
