import { OptionsInvalidError, withSubject } from '../errors/errors.js';
import type { WxCloudStorageOptions } from './options.js';
import { TOKEN_FILE } from './resolve-auth.js';
import type { ResolvedOptions } from './resolved-options.js';

/** Environment variables, as `process.env` has them. */
type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

const VARIABLES = {
  env: 'WX_ENV_ID (or CBR_ENV_ID)',
  appid: 'WX_APPID',
  secret: 'WX_SECRET',
  apiBaseUrl: 'WX_API_BASE_URL',
} as const;

type Option = keyof typeof VARIABLES;

const readOptions = new WeakSet<WxCloudStorageOptions>();

/**
 * Describes an instance in one line for the log, without secrets; of addresses only the host is
 * shown.
 */
export function describeOptions(options: ResolvedOptions, name: string | undefined): string {
  const { env, auth, apiBaseUrl } = options;
  return [
    `env=${env}`,
    `auth=${auth.type}`,
    `api=${new URL(apiBaseUrl).host}`,
    ...(name === undefined ? [] : [`instance=${name}`]),
    ...(options.isFromEnvironment ? ['source=environment'] : []),
  ].join(' ');
}

/** True for options made by {@link readEnvironment}. */
export function isFromEnvironment(options: WxCloudStorageOptions): boolean {
  return readOptions.has(options);
}

/**
 * Makes the options of the default instance from environment variables: `WX_ENV_ID` or, as Cloud
 * Hosting sets it, `CBR_ENV_ID`; `WX_APPID` and `WX_SECRET`, or the token that Cloud Hosting mounts
 * where there is no secret; `WX_API_BASE_URL`. An empty variable counts as missing.
 * @throws {@link OptionsInvalidError} naming every missing variable
 */
export function readEnvironment(
  variables: EnvironmentVariables,
  fileExists: (path: string) => boolean,
): WxCloudStorageOptions {
  const options = optionsFrom(variables, fileExists);
  readOptions.add(options);
  return options;
}

function optionsFrom(
  variables: EnvironmentVariables,
  fileExists: (path: string) => boolean,
): WxCloudStorageOptions {
  const env = variables['WX_ENV_ID'] || variables['CBR_ENV_ID'];
  const appid = variables['WX_APPID'];
  const secret = variables['WX_SECRET'];
  const apiBaseUrl = variables['WX_API_BASE_URL'] || undefined;
  const hasToken = !secret && fileExists(TOKEN_FILE);
  if (env && hasToken) return { env, apiBaseUrl, auth: { type: 'cloudbase-token' } };
  if (env && appid && secret) return { env, apiBaseUrl, appid, secret };
  throw missingVariables({ env, ...(hasToken ? {} : { appid, secret }) });
}

/** Names the environment variable in the error of an option that was read from it. */
export function nameVariable(error: unknown): unknown {
  if (!(error instanceof OptionsInvalidError) || !isOption(error.option)) return error;
  return withSubject(error, `WxCloudStorageModule: variable ${VARIABLES[error.option]}`);
}

function isOption(name: string): name is Option {
  return Object.hasOwn(VARIABLES, name);
}

function missingVariables(values: { [option in Option]?: string | undefined }): Error {
  const names = Object.keys(values) as Option[];
  const options = names.filter(name => !values[name]);
  const variables = options.map(name => VARIABLES[name]).join(', ');
  return new OptionsInvalidError({
    option: options[0] ?? 'env',
    subject: `WxCloudStorageModule: ${options.length === 1 ? 'variable' : 'variables'} ${variables}`,
    expected: 'set, as forRoot() is called without options and reads the environment',
    remedy: 'Set the missing variables, or give forRoot() the options.',
  });
}

/** Makes the options from what Nest injects. */
export type MakeOptions = (
  ...injected: readonly unknown[]
) => WxCloudStorageOptions | Promise<WxCloudStorageOptions>;

/**
 * Creates the function that makes the options from what Nest injects: the arguments of
 * `useFactory`, or the instance of `useClass` or `useExisting`.
 * @throws {@link OptionsInvalidError} when the source cannot make options; the returned function
 * throws it when the result is not an object
 */
export function optionsMaker({
  useFactory,
  useClass,
  useExisting,
}: {
  readonly useFactory?: unknown;
  readonly useClass?: unknown;
  /** The injection token of an existing instance. */
  readonly useExisting?: unknown;
}): MakeOptions {
  if (useFactory) return byFunction(useFactory);
  if (useExisting) return byMethod('useExisting', useExisting);
  if (useClass) return byMethod('useClass', useClass);
  throw new OptionsInvalidError({
    option: 'useFactory',
    expected: 'a function that returns the options, unless useClass or useExisting is given',
    remedy: 'Use forRoot for options that are known in advance.',
  });
}

function byFunction(useFactory: unknown): MakeOptions {
  if (typeof useFactory !== 'function') {
    throw new OptionsInvalidError({
      option: 'useFactory',
      expected: 'a function that returns the options',
      remedy: 'Use forRoot for options that are known in advance.',
    });
  }
  return async (...injected) => {
    const made: unknown = await useFactory(...injected);
    return assertObject(made, 'useFactory', 'a function that returns the options, but it');
  };
}

function byMethod(option: 'useClass' | 'useExisting', token: unknown): MakeOptions {
  const name = typeof token === 'function' ? token.name : String(token);
  if (option === 'useClass' && typeof token !== 'function') {
    throw new OptionsInvalidError({
      option,
      expected: 'a class with a method create()',
      remedy: 'Give the class itself, not an instance.',
    });
  }
  return async maker => {
    if (!hasCreate(maker)) {
      throw new OptionsInvalidError({
        option,
        expected: `a class with a method create(), which ${name} does not have`,
        remedy: `Let ${name} implement WxCloudStorageOptionsFactory: create() returns the options.`,
      });
    }
    const made: unknown = await maker.create();
    return assertObject(
      made,
      option,
      `a class whose create() returns the options: ${name}.create()`,
    );
  };
}

function hasCreate(maker: unknown): maker is { create: () => unknown } {
  const { create } = (maker ?? {}) as { create?: unknown };
  return typeof create === 'function';
}

/** Checks for a forgotten or wrong result; the members are checked later. */
function assertObject(made: unknown, option: string, expected: string): WxCloudStorageOptions {
  if (typeof made === 'object' && made !== null && !Array.isArray(made)) {
    return made as WxCloudStorageOptions;
  }
  const kind = Array.isArray(made) ? 'an array' : `a ${typeof made}`;
  throw new OptionsInvalidError({
    option,
    expected: `${expected} returned ${made === undefined || made === null ? 'nothing' : kind}`,
    remedy: 'Return an object with env and a way to authenticate.',
  });
}
