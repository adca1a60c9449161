import { StartError } from './start-error.js';

/** The bucket, and keys for it. */
interface CosSettings {
  /** `WX_COS_BUCKET`. */
  readonly bucket: string;
  /** `WX_COS_REGION`; undefined for the usual one. */
  readonly region: string | undefined;
  /** `WX_COS_SECRET_ID` and `WX_COS_SECRET_KEY`. */
  readonly credentials: { readonly secretId: string; readonly secretKey: string };
}

/** The credentials for WeChat. */
export interface WechatCredentials {
  /** `WX_APPID`. */
  readonly appid: string;
  /** `WX_SECRET`. */
  readonly secret: string;
  /** `WX_ENV_ID`. */
  readonly env: string;
  /** The keys of the bucket; undefined if none of their variables is set. */
  readonly cos?: CosSettings | undefined;
}

/** The settings from environment variables. */
export interface Settings {
  /** The port on 127.0.0.1; 0 for a free one. */
  readonly port: number;
  /** Host names of the lab besides loopback ones, in lower case; from `ALLOWED_HOSTS`. */
  readonly allowedHosts: readonly string[];
  /**
   * The credentials; undefined if none of the three variables is set, so that the emulator is used.
   */
  readonly wechat: WechatCredentials | undefined;
}

const DEFAULT_PORT = '3000';
const HIGHEST_PORT = 65_535;
const WECHAT_VARIABLES = ['WX_APPID', 'WX_SECRET', 'WX_ENV_ID'] as const;
const COS_VARIABLES = ['WX_COS_BUCKET', 'WX_COS_SECRET_ID', 'WX_COS_SECRET_KEY'] as const;

/**
 * Reads the settings. An empty variable counts as not set.
 * @throws {StartError} if a variable is invalid; the message names it and the remedy
 */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  return {
    port: readPort(environment['PORT'] || DEFAULT_PORT),
    allowedHosts: readHosts(environment['ALLOWED_HOSTS'] ?? ''),
    wechat: readWechat(environment),
  };
}

function readHosts(text: string): readonly string[] {
  const names = text
    .toLowerCase()
    .split(',')
    .map(name => name.trim())
    .filter(Boolean);
  if (names.every(name => /^[a-z0-9.-]+$/.test(name))) return names;
  throw new StartError(
    `ALLOWED_HOSTS is ${JSON.stringify(text)}, but has to be a list of host names without ports: set it to e.g. ALLOWED_HOSTS=lab.example,other.example.`,
  );
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= HIGHEST_PORT) return port;
  throw new StartError(
    `PORT is ${JSON.stringify(text)}, but has to be a whole number from 0 to ${HIGHEST_PORT}: set it to one, e.g. PORT=${DEFAULT_PORT}.`,
  );
}

function readWechat(environment: NodeJS.ProcessEnv): WechatCredentials | undefined {
  const { WX_APPID: appid, WX_SECRET: secret, WX_ENV_ID: env } = environment;
  if (appid && secret && env) return { appid, secret, env, cos: readCos(environment) };
  assertNoneOf(environment, WECHAT_VARIABLES, { to: 'use WeChat', orTo: 'use the emulator' });
  return undefined;
}

function readCos(environment: NodeJS.ProcessEnv): CosSettings | undefined {
  const { WX_COS_BUCKET: bucket, WX_COS_REGION: region } = environment;
  const { WX_COS_SECRET_ID: secretId, WX_COS_SECRET_KEY: secretKey } = environment;
  if (bucket && secretId && secretKey) {
    return { bucket, region: region || undefined, credentials: { secretId, secretKey } };
  }
  assertNoneOf(environment, COS_VARIABLES, {
    to: 'send requests to the bucket',
    orTo: 'use upload links only',
  });
  return undefined;
}

/** Checks that none of these variables is set; some of them are not enough. */
function assertNoneOf(
  environment: NodeJS.ProcessEnv,
  variables: readonly string[],
  { to, orTo }: { readonly to: string; readonly orTo: string },
): void {
  const missing = variables.filter(name => !environment[name]);
  const present = variables.filter(name => environment[name]);
  if (present.length === 0) return;
  throw new StartError(
    `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing: set ${missing.length > 1 ? 'them' : 'it'} to ${to}, or unset ${present.join(' and ')} to ${orTo}.`,
  );
}
