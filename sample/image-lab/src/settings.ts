import { StartError } from './start-error.js';

/** The credentials for WeChat. */
export interface WechatCredentials {
  /** `WX_APPID`. */
  readonly appid: string;
  /** `WX_SECRET`. */
  readonly secret: string;
  /** `WX_ENV_ID`. */
  readonly env: string;
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
  if (appid && secret && env) return { appid, secret, env };
  const missing = WECHAT_VARIABLES.filter(name => !environment[name]);
  const present = WECHAT_VARIABLES.filter(name => environment[name]);
  if (present.length === 0) return undefined;
  throw new StartError(
    `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing: set ${missing.length > 1 ? 'them' : 'it'} to use WeChat, or unset ${present.join(' and ')} to use the emulator.`,
  );
}
