import type { WxCloudEmulatorJournalEntry, RequestListener } from './journal.js';

/** Tells the time. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
}

/** Starts at the system's time and then never goes back, whatever is done to the system's clock. */
export const monotonicClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
};

/** How an emulated cloud is to be; all members are optional. */
export interface WxCloudEmulatorOptions {
  /** The port on 127.0.0.1; 0 takes a free one. @defaultValue 0 */
  readonly port?: number;
  /**
   * A folder for the objects, made when missing; they survive a restart there.
   * @defaultValue objects live in memory
   */
  readonly dataDir?: string;
  /** The AppID that the token endpoints accept. @defaultValue `'wx0e0e0e0e0e0e0e0e'` */
  readonly appid?: string;
  /**
   * The AppSecret that goes with it; give none that is real.
   * @defaultValue a fixed one that is obviously fake
   */
  readonly secret?: string;
  /** The environment ID. @defaultValue `'emulator-1a2b3c'` */
  readonly env?: string;
  /** The bucket's name. @defaultValue `'<4 hex>-<env>-1300000000'`, as WeChat names buckets */
  readonly bucket?: string;
  /** The life of access tokens in seconds, from 1 to 7200. @defaultValue 7200 */
  readonly tokenTtlSeconds?: number;
  /** Every answer waits this many milliseconds, up to 600000. @defaultValue 0 */
  readonly latencyMs?: number;
  /**
   * Further AppIDs that share the environment (资源复用): then every call by the open API service has
   * to name its own with `from_appid`.
   * @defaultValue none
   */
  readonly reuseAppids?: readonly string[];
  /**
   * The web sites whose pages may send to the object storage and read its answers (安全域名), e.g.
   * `['https://www.example.com']`. @defaultValue every site on a loopback host
   */
  readonly corsOrigins?: readonly string[];
  /**
   * Further names under which it may be called, without a port, e.g. `['cloud.dev.example']`.
   * Loopback names and names without a dot, as containers have them, are allowed anyway.
   * @defaultValue none
   */
  readonly allowedHosts?: readonly string[];
  /**
   * The form of the paths in download links: percent-encoded, or `raw` as the object is called,
   * which is what Tencent's own SDKs expect. No document says which one the real service answers.
   * @defaultValue `'encoded'`
   */
  readonly downloadLinks?: 'encoded' | 'raw';
  /**
   * Gets the journal entry of each request once it has ended, before the client sees its end: for
   * a log. It must be quick, as the response waits for it; what it throws becomes a warning of the
   * process.
   * @defaultValue none
   */
  readonly onRequest?: (entry: WxCloudEmulatorJournalEntry) => void;
}

/** The options, complete. */
export interface ResolvedEmulatorOptions {
  /** The port, or 0 for a free one. */
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
  /** The life of access tokens in seconds. */
  readonly tokenTtlSeconds: number;
  /** What every answer waits, in milliseconds. */
  readonly latencyMs: number;
  /** Further AppIDs that share the environment. */
  readonly reuseAppids: readonly string[];
  /** The web sites that may use the object storage; undefined for those on a loopback host. */
  readonly corsOrigins: readonly string[] | undefined;
  /** Further names under which it may be called, in lower case. */
  readonly allowedHosts: readonly string[];
  /** The form of the paths in download links. */
  readonly downloadLinks: 'encoded' | 'raw';
  /** Gets the entry of each request that has ended. */
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
  'onRequest',
] satisfies readonly (keyof WxCloudEmulatorOptions)[];

/**
 * Checks and completes the options.
 * @throws {TypeError} naming the first that is wrong or unknown; never its value
 */
export function resolveEmulatorOptions(
  options: WxCloudEmulatorOptions = {},
): ResolvedEmulatorOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('startWxCloudEmulator: the options have to be an object.');
  }
  const unknown = Object.keys(options).find(name => !KNOWN.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(
      `startWxCloudEmulator: there is no option ${unknown}; there are ${KNOWN.join(', ')}.`,
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
    reuseAppids: readList('reuseAppids', options.reuseAppids ?? DEFAULTS.reuseAppids),
    corsOrigins: corsOrigins === undefined ? undefined : readList('corsOrigins', corsOrigins),
    allowedHosts: readList('allowedHosts', options.allowedHosts ?? DEFAULTS.allowedHosts).map(
      host => host.toLowerCase(),
    ),
    downloadLinks: readLinkForm(options.downloadLinks ?? DEFAULTS.downloadLinks),
    onRequest: readListener(options.onRequest),
  };
}

function readLinkForm(value: unknown): 'encoded' | 'raw' {
  if (value === 'encoded' || value === 'raw') return value;
  throw new TypeError("startWxCloudEmulator: downloadLinks has to be 'encoded' or 'raw'.");
}

function readListener(value: unknown): RequestListener | undefined {
  if (value === undefined || typeof value === 'function') return value as RequestListener;
  throw new TypeError('startWxCloudEmulator: onRequest has to be a function.');
}

function readText(option: string, value: unknown): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new TypeError(`startWxCloudEmulator: ${option} has to be a text that is not empty.`);
}

function readList(option: string, value: unknown): readonly string[] {
  if (Array.isArray(value)) {
    return Object.freeze(value.map((item, index) => readText(`${option}[${index}]`, item)));
  }
  throw new TypeError(`startWxCloudEmulator: ${option} has to be a list of texts.`);
}

function readName(option: string, value: unknown): string {
  if (typeof value === 'string' && /^[A-Za-z0-9][\w-]*$/.test(value)) return value;
  throw new TypeError(
    `startWxCloudEmulator: ${option} has to be a name of letters, digits, "-" and "_" that starts with a letter or digit.`,
  );
}

function readWhole(option: string, value: unknown, [min, max]: readonly [number, number]): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max)
    return value;
  throw new TypeError(
    `startWxCloudEmulator: ${option} has to be a whole number from ${min} to ${max}.`,
  );
}
