export { AccessTokenCache } from './access-token-cache.js';
export { AuthorizedApi, type AuthorizedCall } from './authorized-api.js';
export { createCredential } from './create-credential.js';
export { openApiCredential, tokenCredential, type Credential } from './credential.js';
export { fetchAccessToken, isTokenCallError } from './fetch-access-token.js';
export type { TokenSource } from './token-source.js';
export { WxAccessTokenProvider, type AccessTokens } from './wx-access-token-provider.js';
