/** An access token as a store keeps it. */
export interface WxStoredAccessToken {
  /** The token; a secret. */
  readonly accessToken: string;
  /**
   * How long it still lives, in milliseconds. Counted by the store, so that the machines' clocks do
   * not matter.
   */
  readonly expiresInMs: number;
}

/** The right to fetch a token for everybody. */
export interface WxAccessTokenLock {
  /**
   * Larger than that of every lock of the same key before; by it the store knows a holder that
   * comes too late.
   */
  readonly fence: number;
  /** Gives the lock back, if it is still this one's. */
  release(): Promise<void>;
}

/**
 * Where several processes share an access token, so that only one of them fetches it. Calls that
 * fail or take longer than a second are not waited for: the process goes on with what it has in
 * memory.
 */
export interface AccessTokenStore {
  /** The token that was set last and still lives; undefined when there is none. */
  get(key: string): Promise<WxStoredAccessToken | undefined>;
  /**
   * Keeps a token until its end. False, and nothing is kept, when a later lock of the key was given
   * out meanwhile.
   */
  set(key: string, token: WxStoredAccessToken, lock: WxAccessTokenLock): Promise<boolean>;
  /**
   * Takes the lock of a key for at most `ttlMs` milliseconds; undefined while another holds it.
   * Does not wait.
   */
  lock(key: string, ttlMs: number): Promise<WxAccessTokenLock | undefined>;
}

/**
 * Authenticates with a token from `POST /cgi-bin/stable_token`: safe with any number of replicas.
 */
export interface StableTokenAuth {
  /** Selects the stable token call. */
  readonly type: 'stable-token';
  /** The AppID, `wx` and 16 more characters. */
  readonly appid: string;
  /** The AppSecret. Never logged, never part of an error. */
  readonly secret: string;
  /**
   * Where processes share the token. Not needed, as WeChat gives all of them the same one.
   * @defaultValue none
   */
  readonly store?: AccessTokenStore | undefined;
}

/** Authenticates with a token from `GET /cgi-bin/token`; every fetch voids the token before it. */
export interface AccessTokenAuth {
  /** Selects the classic token call. */
  readonly type: 'access-token';
  /** The AppID, `wx` and 16 more characters. */
  readonly appid: string;
  /** The AppSecret. Never logged, never part of an error. */
  readonly secret: string;
  /** Where processes share the token: needed as soon as there are several. @defaultValue none */
  readonly store?: AccessTokenStore | undefined;
}

/**
 * Authenticates inside WeChat Cloud Hosting by the open API service (开放接口服务): calls go over plain
 * http to its sidecar, which adds the credential. Neither AppSecret nor token nor IP whitelist is
 * needed.
 * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/guide/weixin/open.html
 */
export interface OpenApiServiceAuth {
  /** Selects the open API service. */
  readonly type: 'open-api-service';
  /**
   * The AppID that calls, sent as `from_appid`, where several share one environment.
   * @defaultValue none
   */
  readonly fromAppid?: string | undefined;
}

/**
 * Authenticates inside WeChat Cloud Hosting with the token that the platform mounts as a file
 * (`cloudbase_access_token`).
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/guide/container/cloudcall.html
 */
export interface CloudbaseTokenAuth {
  /** Selects the mounted token. */
  readonly type: 'cloudbase-token';
  /** Where it is mounted. @defaultValue /.tencentcloudbase/wx/cloudbase_access_token */
  readonly file?: string | undefined;
}

/** A token, and for how long it is good. */
export interface WxAccessToken {
  /** The token; never logged, never part of an error. */
  readonly accessToken: string;
  /** Its life in seconds from now on, above 0. */
  readonly expiresInSeconds: number;
}

/**
 * Authenticates with a token of the application's: of a central token server, or a platform's
 * `authorizer_access_token`.
 */
export interface CustomAuth {
  /** Selects the function. */
  readonly type: 'custom';
  /**
   * Gives a token. It is called once for any number of callers, again before the token's life ends,
   * and after WeChat refused the token: it should then give another one.
   */
  readonly getToken: () => WxAccessToken | Promise<WxAccessToken>;
}

/** The ways to authenticate. */
export type WxCloudAuth =
  StableTokenAuth | AccessTokenAuth | OpenApiServiceAuth | CloudbaseTokenAuth | CustomAuth;

/** How long remote calls may take, in milliseconds (whole numbers from 1 to 2147483647). */
export interface TimeoutOptions {
  /** To open a connection; with a `dispatcher`, until a request is on one. @defaultValue 10000 */
  readonly connectMs?: number | undefined;
  /** From the last byte sent to the head of the answer. @defaultValue 30000 */
  readonly headersMs?: number | undefined;
  /** Between two pieces of a body, in either direction. @defaultValue 30000 */
  readonly idleMs?: number | undefined;
  /**
   * One call of a service method, with all its attempts and transfers.
   * @defaultValue 900000 (15 minutes)
   */
  readonly totalMs?: number | undefined;
  /**
   * One fetch of an access token, with all its attempts; any number of calls wait for the same one.
   * @defaultValue 20000
   */
  readonly tokenMs?: number | undefined;
}

/**
 * How transient failures are repeated: waits double from `minDelayMs` up to `maxDelayMs`, each with
 * random jitter.
 */
export interface RetryOptions {
  /** Tries in all; 1 means none is repeated. From 1 to 10. @defaultValue 3 */
  readonly attempts?: number | undefined;
  /** The longest first wait in milliseconds. From 0 to 60000. @defaultValue 200 */
  readonly minDelayMs?: number | undefined;
  /** The longest wait in milliseconds. From `minDelayMs` to 600000. @defaultValue 5000 */
  readonly maxDelayMs?: number | undefined;
}

/** How bodies are uploaded. */
export interface UploadOptions {
  /**
   * How much of one body of unknown length is kept in memory; what goes beyond is kept in a
   * temporary file. Bytes, from 0. @defaultValue 1048576 (1 MiB)
   */
  readonly memoryLimitBytes?: number | undefined;
  /**
   * Memory that all uploads together hold, over all instances of the process: files on their way
   * from a form, bodies of unknown length, text fields, small answers. Files beyond it go to
   * temporary files, however small; text that does not fit, and a new form that finds no room, is
   * refused with `WX_CLOUD_CAPACITY_EXCEEDED`. Bytes, from 0.
   * @defaultValue 67108864 (64 MiB)
   */
  readonly memoryBudgetBytes?: number | undefined;
  /**
   * Disk that all temporary files together take, over all instances of the process with the same
   * folder. An upload that needs more is refused with `WX_CLOUD_SPOOL_FAILED`: at once where its
   * length is known. Bytes, from 0, which allows no temporary files.
   * @defaultValue 8589934592 (8 GiB), or half of what the folder's disk has free at start,
   * whichever is less
   */
  readonly diskBudgetBytes?: number | undefined;
  /**
   * The folder for temporary files; it must exist and be writable.
   * @defaultValue the system's temporary folder
   */
  readonly spoolDirectory?: string | undefined;
  /** Compares the ETag that COS answers with the MD5 of what was sent. @defaultValue false */
  readonly verifyEtag?: boolean | undefined;
}

/** How temporary links are made. */
export interface LinkOptions {
  /**
   * True when a link is handed out again for the same file and life, until 5 minutes before its end
   * (half of its life, when that is shorter). The links of the 10000 files asked for last are kept;
   * a file that this process deletes or replaces leaves them at once. @defaultValue true
   */
  readonly cache?: boolean | undefined;
  /**
   * The life of a link when a call does not say, in seconds. From 1 to 86400.
   * @defaultValue 7200
   */
  readonly maxAgeSeconds?: number | undefined;
  /**
   * For how long links and deletions are gathered into one call of up to 50 files, in milliseconds.
   * From 0, which is one turn of the event loop, to 1000. @defaultValue 0
   */
  readonly batchWindowMs?: number | undefined;
}

/**
 * What is used of an undici `Dispatcher` (`Agent`, `ProxyAgent`, …); given by shape, so that any of
 * undici 7 or 8 will do.
 */
export interface HttpDispatcher {
  /** Sends one request. */
  dispatch(options: never, handler: never): boolean;
}

/** The options of one WeChat environment that go with every way to authenticate. */
export interface WxCloudStorageCommonOptions {
  /** The environment ID, as the console shows it, e.g. `prod-8gtest`. */
  readonly env: string;
  /**
   * Where WeChat's API is: another address for a gateway or the emulator. `http:` is refused unless
   * the host is loopback; for `open-api-service` it has to be `http:`. @defaultValue
   * https://api.weixin.qq.com, or http://api.weixin.qq.com for `open-api-service`
   */
  readonly apiBaseUrl?: string | undefined;
  /**
   * The bucket, e.g. `7072-prod-8gtest-1300000000`: file IDs of another are refused.
   * @defaultValue learned from the first upload link
   */
  readonly bucket?: string | undefined;
  /** Time limits. */
  readonly timeouts?: TimeoutOptions | undefined;
  /** Repeats of transient failures. */
  readonly retry?: RetryOptions | undefined;
  /** Uploads. */
  readonly upload?: UploadOptions | undefined;
  /** Temporary links. */
  readonly links?: LinkOptions | undefined;
  /**
   * Requests of the instance that may be on a connection at the same time; further ones wait,
   * within their `timeouts.totalMs`. An eighth is kept for calls of WeChat's API, for uploads and
   * for downloads each, so that none of them waits behind the others. Connections that are kept for
   * the next request (4 seconds) count only per host. From 1 to 65535; at least 3, or the kinds
   * wait for each other.
   * @defaultValue 256
   */
  readonly maxConnections?: number | undefined;
  /**
   * Called with the file IDs of objects that a failed request or call may have left behind: they
   * could not be deleted, or their paths are not unique. At such a path the object may be that of a
   * later request by now, which is in use: look it up in your records before you delete it, and
   * delete none that they know. Waited for 10 seconds at most. May be async; what it throws is
   * logged.
   * @defaultValue none; a warning is logged in any case
   */
  readonly onOrphan?: ((fileIds: readonly string[]) => void | Promise<void>) | undefined;
  /**
   * The key of the tickets of `createUploadForm`, without which `confirmUpload` deletes nothing: a
   * random text of 32 characters or more, the same in all processes. Never logged, never part of an
   * error.
   * @defaultValue derived from the AppSecret; none where there is none (`open-api-service`,
   * `cloudbase-token`, `custom`)
   */
  readonly ticketKey?: string | undefined;
  /**
   * A dispatcher of undici 7 or 8 for every call: a proxy, a custom CA. It stays the caller's to
   * close.
   * @defaultValue an own agent
   */
  readonly dispatcher?: HttpDispatcher | undefined;
}

/**
 * The options with AppID and AppSecret: short for `auth: { type: 'stable-token', appid, secret }`.
 */
export interface WxCloudStorageSecretOptions extends WxCloudStorageCommonOptions {
  /** The AppID, `wx` and 16 more characters. */
  readonly appid: string;
  /** The AppSecret. Never logged, never part of an error. */
  readonly secret: string;
  /** Left out beside `appid` and `secret`. */
  readonly auth?: undefined;
}

/** The options with a way to authenticate of its own. */
export interface WxCloudStorageAuthOptions extends WxCloudStorageCommonOptions {
  /** The way to authenticate. */
  readonly auth: WxCloudAuth;
  /** Left out beside `auth`, which has it where it is needed. */
  readonly appid?: undefined;
  /** Left out beside `auth`, which has it where it is needed. */
  readonly secret?: undefined;
}

/** The options of one WeChat environment: `env`, and `appid` with `secret`, or `auth`. */
export type WxCloudStorageOptions = WxCloudStorageSecretOptions | WxCloudStorageAuthOptions;

/**
 * A class that makes the options, for `useClass` and `useExisting` of `forRootAsync`.
 * @example
 * ```ts
 * @Injectable()
 * class StorageConfig implements WxCloudStorageOptionsFactory {
 *   constructor(private readonly config: ConfigService) {}
 *
 *   create(): WxCloudStorageOptions {
 *     return {
 *       env: this.config.getOrThrow('WX_ENV_ID'),
 *       appid: this.config.getOrThrow('WX_APPID'),
 *       secret: this.config.getOrThrow('WX_SECRET'),
 *     };
 *   }
 * }
 * ```
 */
export interface WxCloudStorageOptionsFactory {
  /** Makes the options; called once, when the application starts. */
  create(): WxCloudStorageOptions | Promise<WxCloudStorageOptions>;
}
