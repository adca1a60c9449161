import type { EmulatedCloud } from './emulated-cloud.js';
import type { Exchange } from './exchange.js';
import { ApiRefusal } from './refusals.js';
import type { TokenKind, TokenState } from './token-issuer.js';

const TOKEN_KINDS: readonly TokenKind[] = ['access_token', 'cloudbase_access_token'];

const TOKEN_REFUSALS: Readonly<Record<Exclude<TokenState, 'valid'>, readonly [number, string]>> = {
  unknown: [40014, 'invalid access_token'],
  replaced: [40001, 'invalid credential, access_token is invalid or not latest'],
  expired: [42001, 'access_token expired'],
};

/** Whether a request brings a token of its own, be it an empty one. */
export function carriesToken({ query }: Exchange): boolean {
  return TOKEN_KINDS.some(kind => query.has(kind));
}

/**
 * Makes sure that a request may be carried out: by the token that it brings, or, without one, because the sidecar adds
 * the credential.
 * @throws {@link ApiRefusal} 40001, 40014, 40097, 41001, 42001 or 48001
 */
export function assertAuthorized(exchange: Exchange, cloud: EmulatedCloud): void {
  const { query, via } = exchange;
  const [kind, another] = TOKEN_KINDS.filter(name => query.has(name));
  if (another !== undefined) {
    throw new ApiRefusal(40097, `invalid args: both ${TOKEN_KINDS.join(' and ')}`);
  }
  if (kind === undefined && via === 'sidecar') return assertFromAppid(exchange, cloud);
  const token = query.get(kind ?? 'access_token') ?? '';
  if (token === '') throw new ApiRefusal(41001, 'access_token missing');
  const state = cloud.tokens.stateOf(token, kind ?? 'access_token');
  if (state !== 'valid') throw new ApiRefusal(...TOKEN_REFUSALS[state]);
}

/** Once AppIDs share the environment, the sidecar does not guess. @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/guide/reuse */
function assertFromAppid({ query }: Exchange, { options }: EmulatedCloud): void {
  const { appid, reuseAppids } = options;
  const from = query.get('from_appid');
  const isAllowed =
    from === null ? reuseAppids.length === 0 : [appid, ...reuseAppids].includes(from);
  if (!isAllowed) throw new ApiRefusal(48001, 'api unauthorized');
}
