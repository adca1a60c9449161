import type { AccessTokenReply, StableTokenRequest } from '../../wechat/endpoints.js';
import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { TokenMisconfiguration } from '../state/misconfigurations.js';
import { ApiRefusal } from '../state/refusals.js';
import type { IssuedToken } from '../state/token-issuer.js';
import { assertMethod, readJson } from './api-request.js';
import type { Exchange } from './exchange.js';
import { type EmulatedResponse, jsonResponse } from './responses.js';

const REFUSALS: Readonly<Record<TokenMisconfiguration, readonly [number, string]>> = {
  'ip-not-whitelisted': [40164, 'invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist'],
  'ip-not-registered': [61004, 'access clientip is not registered requestIP: 203.0.113.7'],
  'wrong-secret': [40125, 'invalid appsecret'],
  'secret-not-latest': [40001, 'invalid credential, access_token is invalid or not latest'],
  'secret-frozen': [40243, 'appsecret is frozen'],
  'confirmation-needed': [89503, 'this call needs the confirmation of an administrator'],
  'confirmation-refused': [89506, 'an administrator refused this ip, retry after 24 hours'],
  'confirmation-refused-for-an-hour': [
    89507,
    'an administrator refused this ip, retry after 1 hour',
  ],
  'quota-used-up': [
    45009,
    'reach max api daily quota limit, could get access_token by getStableAccessToken',
  ],
  'quota-of-the-minute': [45011, 'api minute-quota reach limit, must slower, retry next minute'],
};

type Credentials = Readonly<Partial<Record<keyof StableTokenRequest, unknown>>>;

/**
 * Handles `GET /cgi-bin/token`.
 * @see https://developers.weixin.qq.com/doc/service/guide/dev/api
 */
export async function respondWithToken(
  exchange: Exchange,
  cloud: EmulatedCloud,
): Promise<EmulatedResponse> {
  assertMethod(exchange, 'GET');
  await exchange.drain();
  assertCredentials(Object.fromEntries(exchange.query), cloud);
  return toResponse(cloud.tokens.issueClassic());
}

/**
 * Handles `POST /cgi-bin/stable_token`.
 * @see https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken
 */
export async function respondWithStableToken(
  exchange: Exchange,
  cloud: EmulatedCloud,
): Promise<EmulatedResponse> {
  assertMethod(exchange, 'POST');
  const request: Credentials = await readJson(exchange);
  assertCredentials(request, cloud);
  const { force_refresh: isForced = false } = request;
  if (typeof isForced !== 'boolean') throw new ApiRefusal(47001, 'data format error');
  return toResponse(isForced ? cloud.tokens.issueForced() : cloud.tokens.issueStable());
}

function assertCredentials(given: Credentials, cloud: EmulatedCloud): void {
  const { options, misconfigurations } = cloud;
  if (given.grant_type !== 'client_credential') throw new ApiRefusal(40002, 'invalid grant_type');
  if (isMissing(given.appid)) throw new ApiRefusal(41002, 'appid missing');
  if (isMissing(given.secret)) throw new ApiRefusal(41004, 'appsecret missing');
  if (given.appid !== options.appid) throw new ApiRefusal(40013, 'invalid appid');
  if (given.secret !== options.secret) throw new ApiRefusal(40125, 'invalid appsecret');
  const refusal = misconfigurations.firstIn(REFUSALS);
  if (refusal !== undefined) throw new ApiRefusal(...refusal);
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

/** Creates the response with a token; a successful one has no `errcode`. */
function toResponse({ token, expiresInSeconds }: IssuedToken): EmulatedResponse {
  const reply: AccessTokenReply = { access_token: token, expires_in: expiresInSeconds };
  return jsonResponse(reply);
}
