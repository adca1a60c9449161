export { AccessTokenCache, isTokenRejection } from './access-token-cache.js';
export { AuthorizedApi, type AuthorizedCall } from './authorized-api.js';
export { fetchAccessToken, isTokenCallError } from './fetch-access-token.js';
export { WxAccessTokenProvider } from './wx-access-token-provider.js';
