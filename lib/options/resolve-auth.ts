import { OptionsInvalidError } from '../errors/errors.js';
import type { AccessTokenStore } from './options.js';
import { type ResolvedAuth, type ResolvedTokenCallAuth, Secret } from './resolved-options.js';
import { type Given, orDefault, readFunction, readGroup, readName } from './validation.js';

/**
 * Path at which the platform mounts its token.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/guide/container/cloudcall.html
 */
export const TOKEN_FILE = '/.tencentcloudbase/wx/cloudbase_access_token';

/** Members of each way to authenticate besides its type, with their reader. */
const AUTH_READERS: Readonly<
  Record<
    ResolvedAuth['type'],
    { readonly members: readonly string[]; readonly read: (given: Given) => ResolvedAuth }
  >
> = {
  'stable-token': {
    members: ['appid', 'secret', 'store'],
    read: given => readCredentials('stable-token', given, 'auth.'),
  },
  'access-token': {
    members: ['appid', 'secret', 'store'],
    read: given => readCredentials('access-token', given, 'auth.'),
  },
  'open-api-service': { members: ['fromAppid'], read: readOpenApi },
  'cloudbase-token': { members: ['file'], read: readTokenFile },
  custom: { members: ['appid', 'getToken'], read: readCustom },
};

/**
 * Checks the environment ID.
 * @throws {@link OptionsInvalidError}
 */
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
  // An AppSecret in its place would appear in the log from the first line on.
  if (isAppid(env) || isAppSecret(env)) {
    throw new OptionsInvalidError({
      option: 'env',
      expected: `an environment ID, but looks like an ${isAppid(env) ? 'AppID' : 'AppSecret'}`,
      remedy: 'Give it as the console shows it, e.g. prod-8gtest.',
    });
  }
  return env;
}

/**
 * Reads the way to authenticate: `appid` and `secret`, or `auth`.
 * @throws {@link OptionsInvalidError}
 */
export function resolveAuth(given: Given): ResolvedAuth {
  const { appid, secret, auth } = given;
  if (auth === undefined) return readCredentials('stable-token', { appid, secret }, '');
  if (appid !== undefined || secret !== undefined) {
    throw new OptionsInvalidError({
      option: 'auth',
      expected: 'omitted when "appid" and "secret" are given',
      remedy: 'Put them into auth, or leave auth out.',
    });
  }
  const { members, read } = findReader(auth);
  return Object.freeze(read(readGroup('auth', auth, ['type', ...members])));
}

function findReader(auth: unknown): (typeof AUTH_READERS)[ResolvedAuth['type']] {
  const isObject = typeof auth === 'object' && auth !== null && !Array.isArray(auth);
  const type: unknown = isObject && 'type' in auth ? auth.type : undefined;
  if (typeof type === 'string' && isAuthType(type)) return AUTH_READERS[type];
  const types = Object.keys(AUTH_READERS).map(name => `'${name}'`);
  throw new OptionsInvalidError({
    option: isObject ? 'auth.type' : 'auth',
    expected: isObject ? `one of ${types.join(', ')}` : 'an object with a type',
    remedy:
      "Use 'stable-token' outside WeChat Cloud Hosting; see docs/deployment.md for the right one.",
  });
}

function isAuthType(type: string): type is ResolvedAuth['type'] {
  return Object.hasOwn(AUTH_READERS, type);
}

function readCredentials(
  type: ResolvedTokenCallAuth['type'],
  given: Given,
  prefix: string,
): ResolvedAuth {
  const where = 'The WeChat console shows it under 开发管理 → 开发设置.';
  const appid = readName(`${prefix}appid`, given['appid'], where);
  const secret = readName(`${prefix}secret`, given['secret'], where);
  assertNotSwapped(prefix, appid, secret);
  const store = readStore(`${prefix}store`, given['store']);
  return Object.freeze({ type, appid, secret: new Secret(secret), store });
}

/**
 * Refuses values that are certainly swapped. Test doubles may look like neither an AppID nor an
 * AppSecret.
 */
function assertNotSwapped(prefix: string, appid: string, secret: string): void {
  const isAppidSecret = isAppSecret(appid);
  if (!isAppidSecret && !isAppid(secret)) return;
  const [option, expected, given] = isAppidSecret
    ? ['appid', 'an AppID', 'an AppSecret']
    : ['secret', 'an AppSecret', 'an AppID'];
  throw new OptionsInvalidError({
    option: `${prefix}${option}`,
    expected: `${expected}, but looks like ${given}: the two seem to be swapped`,
    remedy: 'An AppID is "wx" and 16 hexadecimal digits, an AppSecret 32 of them.',
  });
}

function isAppid(text: string): boolean {
  return /^wx[\da-f]{16}$/i.test(text);
}

function isAppSecret(text: string): boolean {
  return /^[\da-f]{32}$/i.test(text);
}

/** Reads an optional AppID. A secret in its place would be sent and logged as no secret. */
function readAppid(option: string, value: unknown, remedy: string): string | undefined {
  if (value === undefined) return undefined;
  const appid = readName(option, value, remedy);
  if (!isAppSecret(appid)) return appid;
  throw new OptionsInvalidError({
    option,
    expected: 'an AppID, but looks like an AppSecret',
    remedy: 'An AppID is "wx" and 16 hexadecimal digits.',
  });
}

function readStore(option: string, value: unknown): AccessTokenStore | undefined {
  if (value === undefined) return undefined;
  const store = (value ?? {}) as Readonly<Record<string, unknown>>;
  const methods = ['get', 'set', 'lock'] satisfies (keyof AccessTokenStore)[];
  if (methods.every(name => typeof store[name] === 'function')) return value as AccessTokenStore;
  throw new OptionsInvalidError({
    option,
    expected: `an AccessTokenStore, with the methods ${methods.join(', ')}`,
    remedy: "Give e.g. redisAccessTokenStore(client) of 'nestjs-wx-cloud-storage/redis'.",
  });
}

function readOpenApi({ fromAppid }: Given): ResolvedAuth {
  const remedy = 'Give the calling AppID if several share one environment; otherwise leave it out.';
  return {
    type: 'open-api-service',
    fromAppid: readAppid('auth.fromAppid', fromAppid, remedy),
  };
}

function readTokenFile({ file }: Given): ResolvedAuth {
  const remedy = 'Leave it out for the path at which the platform mounts it.';
  return {
    type: 'cloudbase-token',
    file: readName('auth.file', orDefault(file, TOKEN_FILE), remedy),
  };
}

function readCustom({ appid, getToken }: Given): ResolvedAuth {
  const expected = 'a function that returns { accessToken, expiresInSeconds } or a promise of it';
  const remedy = 'Give the AppID that the token belongs to, or leave it out.';
  return {
    type: 'custom',
    appid: readAppid('auth.appid', appid, remedy),
    getToken: readFunction('auth.getToken', getToken, expected),
  };
}
