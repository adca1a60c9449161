import { OptionsInvalidError, withSubject } from '../errors/index.js';
import { TOKEN_FILE } from './resolve-auth.js';
import type { WxCloudStorageOptions } from './wx-cloud-storage-options.js';

/** Environment variables, as `process.env` has them. */
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

const VARIABLES = {
  env: 'WX_ENV_ID (or CBR_ENV_ID)',
  appid: 'WX_APPID',
  secret: 'WX_SECRET',
  apiBaseUrl: 'WX_API_BASE_URL',
} as const;

type Option = keyof typeof VARIABLES;

const readOptions = new WeakSet<WxCloudStorageOptions>();

/** Tells options that {@link readEnvironment} has made. */
export function isFromEnvironment(options: WxCloudStorageOptions): boolean {
  return readOptions.has(options);
}

/**
 * Makes the options of the default instance from environment variables: `WX_ENV_ID` or, as Cloud
 * Hosting sets it, `CBR_ENV_ID`; `WX_APPID` and `WX_SECRET`, or the token that Cloud Hosting mounts
 * where there is no secret; `WX_API_BASE_URL`. A variable that is empty counts as missing.
 * @throws {@link OptionsInvalidError} naming every variable that is missing
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
  throw missing({ env, ...(hasToken ? {} : { appid, secret }) });
}

/** Says of an error of an option that came from a variable which variable that is. */
export function namingVariable(error: unknown): unknown {
  if (!(error instanceof OptionsInvalidError) || !isOption(error.option)) return error;
  return withSubject(error, `WxCloudStorageModule: variable ${VARIABLES[error.option]}`);
}

function isOption(name: string): name is Option {
  return Object.hasOwn(VARIABLES, name);
}

function missing(values: { [option in Option]?: string | undefined }): Error {
  const names = Object.keys(values) as Option[];
  const options = names.filter(name => !values[name]);
  const variables = options.map(name => VARIABLES[name]).join(', ');
  return new OptionsInvalidError({
    option: options[0] ?? 'env',
    subject: `WxCloudStorageModule: ${options.length === 1 ? 'variable' : 'variables'} ${variables}`,
    expected: 'set, as forRoot() is called without options and reads the environment',
    remedy: 'Set what is missing, or give forRoot() the options.',
  });
}
