import {
  type ResolvedCosOptions,
  resolveCosOptions,
  type WxCloudEmulatorCosOptions,
} from './cos-options.js';
import type { WxCloudEmulatorJournalEntry, RequestListener } from './journal.js';
import { readChoice, readList, readName, readText, readWhole } from './option-readers.js';

/** A source of time. */
export interface Clock {
  /** Returns milliseconds since 1970. */
  now(): number;
}

/** A clock that starts at the system time and never goes back, even if the system clock does. */
export const monotonicClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
};

/** Emulator options; all are optional. */
export interface WxCloudEmulatorOptions {
  /**
   * The port on 127.0.0.1; 0 for a free one.
   * @defaultValue 0
   */
  readonly port?: number;
  /**
   * A folder for the objects, which then survive a restart. Created if it is missing.
   * @defaultValue objects are kept in memory
   */
  readonly dataDir?: string;
  /**
   * The AppID that the token endpoints accept.
   * @defaultValue `'wx0e0e0e0e0e0e0e0e'`
   */
  readonly appid?: string;
  /**
   * The AppSecret of this AppID. Do not use a real one.
   * @defaultValue a fixed, obviously fake one
   */
  readonly secret?: string;
  /**
   * The environment ID.
   * @defaultValue `'emulator-1a2b3c'`
   */
  readonly env?: string;
  /**
   * The bucket's name.
   * @defaultValue `'<4 hex>-<env>-1300000000'`, the form of WeChat's bucket names
   */
  readonly bucket?: string;
  /**
   * The lifetime of access tokens in seconds, from 1 to 7200.
   * @defaultValue 7200
   */
  readonly tokenTtlSeconds?: number;
  /**
   * The delay of each response in milliseconds, from 0 to 600000.
   * @defaultValue 0
   */
  readonly latencyMs?: number;
  /**
   * Other AppIDs that share the environment (资源复用). If there are any, each call through the open
   * API service must name its AppID with `from_appid`.
   * @defaultValue none
   */
  readonly reuseAppids?: readonly string[];
  /**
   * The web sites whose pages may send requests to the object storage and read its responses
   * (安全域名), e.g. `['https://www.example.com']`.
   * @defaultValue all sites on a loopback host
   */
  readonly corsOrigins?: readonly string[];
  /**
   * Additional host names by which the emulator may be called, without a port, e.g.
   * `['cloud.dev.example']`. Loopback names and names without a dot, such as those of containers,
   * are always allowed.
   * @defaultValue none
   */
  readonly allowedHosts?: readonly string[];
  /**
   * The form of the paths in download links: `'encoded'` with percent-encoding, or `'raw'` without
   * it, as Tencent's own SDKs expect. It is not documented which one the real service returns.
   * @defaultValue `'encoded'`
   */
  readonly downloadLinks?: 'encoded' | 'raw';
  /**
   * Options for direct requests to the bucket, which the caller signs.
   * @defaultValue temporary keys of 1800 seconds that permit everything
   */
  readonly cos?: WxCloudEmulatorCosOptions;
  /**
   * Called with the journal entry of each request when it has ended, e.g. for a log. The response
   * waits for it, so it must be fast. An error that it throws becomes a process warning.
   * @defaultValue none
   */
  readonly onRequest?: (entry: WxCloudEmulatorJournalEntry) => void;
}

/** The resolved options. */
export interface ResolvedEmulatorOptions {
  /** The port; 0 for a free one. */
  readonly port: number;
  /** The folder for the objects; undefined for memory. */
  readonly dataDir: string | undefined;
  /** The AppID. */
  readonly appid: string;
  /** The AppSecret. */
  readonly secret: string;
  /** The environment ID. */
  readonly env: string;
  /** The bucket's name. */
  readonly bucket: string;
  /** The lifetime of access tokens in seconds. */
  readonly tokenTtlSeconds: number;
  /** The delay of each response in milliseconds. */
  readonly latencyMs: number;
  /** Other AppIDs that share the environment. */
  readonly reuseAppids: readonly string[];
  /** The web sites that may use the object storage; undefined for all on a loopback host. */
  readonly corsOrigins: readonly string[] | undefined;
  /** Additional host names by which the emulator may be called, in lower case. */
  readonly allowedHosts: readonly string[];
  /** The form of the paths in download links. */
  readonly downloadLinks: 'encoded' | 'raw';
  /** The options for direct requests to the bucket. */
  readonly cos: ResolvedCosOptions;
  /** Called with the entry of each finished request. */
  readonly onRequest: RequestListener | undefined;
}

const DEFAULTS = {
  port: 0,
  appid: 'wx0e0e0e0e0e0e0e0e',
  secret: '00000fa1e000000fa1e000000fa1e000',
  env: 'emulator-1a2b3c',
  bucketSuffix: '1300000000',
  tokenTtlSeconds: 7_200,
  latencyMs: 0,
  reuseAppids: [],
  allowedHosts: [],
  downloadLinks: 'encoded',
} as const;

const KNOWN: readonly string[] = [
  'port',
  'dataDir',
  'appid',
  'secret',
  'env',
  'bucket',
  'tokenTtlSeconds',
  'latencyMs',
  'reuseAppids',
  'corsOrigins',
  'allowedHosts',
  'downloadLinks',
  'cos',
  'onRequest',
] satisfies readonly (keyof WxCloudEmulatorOptions)[];

/**
 * Checks the options and fills in defaults.
 * @throws {TypeError} if an option is invalid or unknown; the message names it, never its value
 */
export function resolveEmulatorOptions(
  options: WxCloudEmulatorOptions = {},
): ResolvedEmulatorOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('startWxCloudEmulator: the options must be an object.');
  }
  const unknown = Object.keys(options).find(name => !KNOWN.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(
      `startWxCloudEmulator: unknown option ${unknown}; the options are ${KNOWN.join(', ')}.`,
    );
  }
  const { dataDir, corsOrigins } = options;
  const env = readName('env', options.env ?? DEFAULTS.env);
  const hex = Buffer.from(env).subarray(0, 2).toString('hex').padEnd(4, '0');
  return {
    port: readWhole('port', options.port ?? DEFAULTS.port, [0, 65_535]),
    dataDir: dataDir === undefined ? undefined : readText('dataDir', dataDir),
    appid: readText('appid', options.appid ?? DEFAULTS.appid),
    secret: readText('secret', options.secret ?? DEFAULTS.secret),
    env,
    bucket: readName('bucket', options.bucket ?? `${hex}-${env}-${DEFAULTS.bucketSuffix}`),
    tokenTtlSeconds: readWhole(
      'tokenTtlSeconds',
      options.tokenTtlSeconds ?? DEFAULTS.tokenTtlSeconds,
      [1, 7_200],
    ),
    latencyMs: readWhole('latencyMs', options.latencyMs ?? DEFAULTS.latencyMs, [0, 600_000]),
    reuseAppids: readList('reuseAppids', options.reuseAppids ?? DEFAULTS.reuseAppids, readText),
    corsOrigins:
      corsOrigins === undefined ? undefined : readList('corsOrigins', corsOrigins, readText),
    allowedHosts: readList(
      'allowedHosts',
      options.allowedHosts ?? DEFAULTS.allowedHosts,
      (option, host) => readText(option, host).toLowerCase(),
    ),
    downloadLinks: readChoice('downloadLinks', options.downloadLinks ?? DEFAULTS.downloadLinks, [
      'encoded',
      'raw',
    ]),
    cos: resolveCosOptions(options.cos),
    onRequest: readListener(options.onRequest),
  };
}

function readListener(value: unknown): RequestListener | undefined {
  if (value === undefined || typeof value === 'function') return value as RequestListener;
  throw new TypeError('startWxCloudEmulator: onRequest must be a function.');
}
