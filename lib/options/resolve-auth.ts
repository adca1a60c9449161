import { OptionsInvalidError } from '../errors/index.js';
import type { ResolvedAuth } from './resolved-options.js';
import { Secret } from './secret.js';
import { readGroup, readName, type Given } from './validation.js';

/** Checks the environment ID. @throws {@link OptionsInvalidError} */
export function resolveEnv(value: unknown): string {
  const env = readName(
    'env',
    value,
    'Give the environment ID as the console shows it, e.g. from WX_ENV_ID.',
  );
  if (/[./:]/.test(env)) {
    throw new OptionsInvalidError({
      option: 'env',
      expected: 'an environment ID, not a file ID or an address',
      remedy: 'Give the part of a file ID between "cloud://" and the first dot.',
    });
  }
  return env;
}

/** Checks how to authenticate: `appid` and `secret`, or `auth`. @throws {@link OptionsInvalidError} */
export function resolveAuth(given: Given): ResolvedAuth {
  const { appid, secret, auth } = given;
  if (auth === undefined) return readCredentials('stable-token', { appid, secret }, '');
  if (appid !== undefined || secret !== undefined) {
    throw new OptionsInvalidError({
      option: 'auth',
      expected: 'absent when "appid" and "secret" are given',
      remedy: 'Put them into auth, or leave auth out.',
    });
  }
  const group = readGroup('auth', auth, ['type', 'appid', 'secret']);
  const type = group['type'];
  if (type !== 'stable-token' && type !== 'access-token') {
    throw new OptionsInvalidError({
      option: 'auth.type',
      expected: "'stable-token' or 'access-token'",
      remedy: "Use 'stable-token' unless something else depends on the classic token.",
    });
  }
  return readCredentials(type, group, 'auth.');
}

function readCredentials(type: ResolvedAuth['type'], given: Given, prefix: string): ResolvedAuth {
  const where = 'The WeChat console shows it under 开发管理 → 开发设置.';
  const appid = readName(`${prefix}appid`, given['appid'], where);
  const secret = readName(`${prefix}secret`, given['secret'], where);
  return Object.freeze({ type, appid, secret: new Secret(secret) });
}
