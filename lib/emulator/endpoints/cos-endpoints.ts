import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { WxCloudEmulatorFaultEffect } from '../state/fault-effects.js';
import { isMetaIdPath } from '../state/meta-ids.js';
import { assertMethod, invalid, readJson, readString } from './api-request.js';
import type { Exchange } from './exchange.js';
import { type EmulatedResponse, jsonResponse } from './responses.js';

const OK = { errcode: 0, errmsg: 'ok' } as const;

/**
 * Handles `GET /_/cos/getauth`. The response has no `errcode`.
 * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudservice/wxcloudrun/src/development/storage/service/cos-sdk.html
 */
export async function respondWithCosKeys(
  exchange: Exchange,
  cloud: EmulatedCloud,
): Promise<EmulatedResponse> {
  await exchange.drain();
  assertMethod(exchange, 'GET');
  const { secretId, secretKey, securityToken, endSeconds } = cloud.cosKeys.issue();
  return jsonResponse({
    TmpSecretId: secretId,
    TmpSecretKey: secretKey,
    Token: securityToken,
    ExpiredTime: cloud.options.cos.expiredTime === 'text' ? String(endSeconds) : endSeconds,
  });
}

/**
 * Handles `POST /_/cos/metaid/encode`. The paths may start with a slash: official samples disagree
 * about it.
 * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudservice/wxcloudrun/src/development/storage/service/cos-sdk.html
 */
export async function respondWithMetaIds(
  exchange: Exchange,
  cloud: EmulatedCloud,
  effect: WxCloudEmulatorFaultEffect | undefined,
): Promise<EmulatedResponse> {
  assertMethod(exchange, 'POST');
  const request = await readJson(exchange);
  const { openid = '', paths } = request;
  if (typeof openid !== 'string') throw invalid('openid');
  if (readString(request, 'bucket') !== cloud.options.bucket) throw invalid('bucket');
  if (!Array.isArray(paths)) throw invalid('paths');
  const checked = paths.map((path: unknown) => {
    if (typeof path === 'string' && isMetaIdPath(path)) return path;
    throw invalid('paths');
  });
  exchange.nameObjects(checked.map(path => path.replace(/^\//, '')));
  const count = effect?.kind === 'short-list' ? effect.count : checked.length;
  const values = checked.slice(0, count).map(path => cloud.metaIds.encode({ openid, path }));
  return jsonResponse({ ...OK, respdata: { x_cos_meta_field_strs: values } });
}

/**
 * Handles `POST /_/cos/metaid/decode`.
 * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudservice/wxcloudrun/src/development/storage/service/cos-sdk.html
 */
export async function respondWithDecodedMetaId(
  exchange: Exchange,
  cloud: EmulatedCloud,
): Promise<EmulatedResponse> {
  assertMethod(exchange, 'POST');
  const metaId = readString(await readJson(exchange), 'metaid');
  const content = cloud.metaIds.decode(metaId);
  if (content === undefined) throw invalid('metaid');
  const { bucket, appid } = cloud.options;
  const account = /\d+$/.exec(bucket)?.[0] ?? '';
  return jsonResponse({
    ...OK,
    respdata: {
      raw_data: { ...content, bucket, appid: account, mpAppId: appid },
      x_cos_meta_field_strs: [],
    },
  });
}
