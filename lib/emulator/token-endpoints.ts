import type { AccessTokenReply, StableTokenRequest } from '../wire/access-token.js';
import { jsonAnswer, type Answer } from './answer.js';
import { assertMethod, readJson } from './api-request.js';
import type { EmulatedCloud } from './emulated-cloud.js';
import type { Exchange } from './exchange.js';
import { ApiRefusal } from './refusals.js';
import type { IssuedToken } from './token-issuer.js';

type Credentials = Readonly<Partial<Record<keyof StableTokenRequest, unknown>>>;

/** `GET /cgi-bin/token`. @see https://developers.weixin.qq.com/doc/service/guide/dev/api */
export async function answerToken(exchange: Exchange, cloud: EmulatedCloud): Promise<Answer> {
  assertMethod(exchange, 'GET');
  await exchange.drain();
  assertCredentials(Object.fromEntries(exchange.query), cloud);
  return toAnswer(cloud.tokens.issueClassic());
}

/** `POST /cgi-bin/stable_token`. @see https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken */
export async function answerStableToken(exchange: Exchange, cloud: EmulatedCloud): Promise<Answer> {
  assertMethod(exchange, 'POST');
  const request: Credentials = await readJson(exchange);
  assertCredentials(request, cloud);
  const { force_refresh: isForced = false } = request;
  if (typeof isForced !== 'boolean') throw new ApiRefusal(47001, 'data format error');
  return toAnswer(isForced ? cloud.tokens.issueForced() : cloud.tokens.issueStable());
}

function assertCredentials(given: Credentials, { options }: EmulatedCloud): void {
  if (given.grant_type !== 'client_credential') throw new ApiRefusal(40002, 'invalid grant_type');
  if (isMissing(given.appid)) throw new ApiRefusal(41002, 'appid missing');
  if (isMissing(given.secret)) throw new ApiRefusal(41004, 'appsecret missing');
  if (given.appid !== options.appid) throw new ApiRefusal(40013, 'invalid appid');
  if (given.secret !== options.secret) throw new ApiRefusal(40125, 'invalid appsecret');
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

/** A success carries no `errcode`. */
function toAnswer({ token, expiresInSeconds }: IssuedToken): Answer {
  const reply: AccessTokenReply = { access_token: token, expires_in: expiresInSeconds };
  return jsonAnswer(reply);
}
