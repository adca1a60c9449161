import type { PendingFileStore } from '../pending/pending-file-store.js';
import type { CosOptions } from './cos-options.js';
import type { ReplicaChannel } from './replica-channel.js';

/** An access token in a store. */
export interface WxStoredAccessToken {
  /** The token; a secret. */
  readonly accessToken: string;
  /**
   * Remaining lifetime in milliseconds, counted by the store, so that the clocks of the machines do
   * not matter.
   */
  readonly expiresInMs: number;
}

/** The right of one process to fetch a token for all. */
export interface WxAccessTokenLock {
  /**
   * A number above that of every earlier lock of the same key, by which the store recognises a
   * holder that comes too late.
   */
  readonly fence: number;
  /** Releases the lock if it is still held. */
  release(): Promise<void>;
}

/**
 * A store through which several processes share an access token, so that only one of them fetches
 * it. Calls that fail or take longer than a second are abandoned: the process then uses the token
 * in its memory, or fetches one. The example is a store for one process, as in tests; for several
 * ones see `redisAccessTokenStore`.
 * @example
 * ```ts
 * import type {
 *   AccessTokenStore,
 *   WxAccessTokenLock,
 *   WxStoredAccessToken,
 * } from 'nestjs-wx-cloud-storage';
 *
 * export class MemoryTokenStore implements AccessTokenStore {
 *   readonly #tokens = new Map<string, { accessToken: string; expiresAtMs: number }>();
 *   readonly #locks = new Map<string, { fence: number; endsAtMs: number }>();
 *   #lastFence = 0;
 *
 *   async get(key: string): Promise<WxStoredAccessToken | undefined> {
 *     const token = this.#tokens.get(key);
 *     const expiresInMs = (token?.expiresAtMs ?? 0) - Date.now();
 *     if (token === undefined || expiresInMs <= 0) return undefined;
 *     return { accessToken: token.accessToken, expiresInMs };
 *   }
 *
 *   async set(key: string, token: WxStoredAccessToken, lock: WxAccessTokenLock): Promise<boolean> {
 *     if ((this.#locks.get(key)?.fence ?? 0) > lock.fence) return false;
 *     const { accessToken, expiresInMs } = token;
 *     this.#tokens.set(key, { accessToken, expiresAtMs: Date.now() + expiresInMs });
 *     return true;
 *   }
 *
 *   async lock(key: string, ttlMs: number): Promise<WxAccessTokenLock | undefined> {
 *     if ((this.#locks.get(key)?.endsAtMs ?? 0) > Date.now()) return undefined;
 *     const held = { fence: (this.#lastFence += 1), endsAtMs: Date.now() + ttlMs };
 *     this.#locks.set(key, held);
 *     return {
 *       fence: held.fence,
 *       release: async () => {
 *         held.endsAtMs = 0;
 *       },
 *     };
 *   }
 * }
 * ```
 */
export interface AccessTokenStore {
  /** Returns the token that was set last, while it is valid; undefined without one. */
  get(key: string): Promise<WxStoredAccessToken | undefined>;
  /**
   * Keeps a token until it expires. Returns false and keeps nothing when a later lock of the key
   * was issued meanwhile.
   */
  set(key: string, token: WxStoredAccessToken, lock: WxAccessTokenLock): Promise<boolean>;
  /**
   * Takes the lock of a key for at most `ttlMs` milliseconds, without waiting; undefined while
   * another process holds it.
   */
  lock(key: string, ttlMs: number): Promise<WxAccessTokenLock | undefined>;
}

/**
 * Authenticates with a token from `POST /cgi-bin/stable_token`; safe with any number of replicas.
 */
interface StableTokenAuth {
  /** Selects the stable token call. */
  readonly type: 'stable-token';
  /** The AppID, `wx` and 16 more characters. */
  readonly appid: string;
  /** The AppSecret. Never logged, never part of an error. */
  readonly secret: string;
  /**
   * Store through which processes share the token. Optional, as WeChat returns the same token to
   * all of them.
   * @defaultValue none
   */
  readonly store?: AccessTokenStore | undefined;
}

/**
 * Authenticates with a token from `GET /cgi-bin/token`; every fetch invalidates the previous token.
 */
interface AccessTokenAuth {
  /** Selects the classic token call. */
  readonly type: 'access-token';
  /** The AppID, `wx` and 16 more characters. */
  readonly appid: string;
  /** The AppSecret. Never logged, never part of an error. */
  readonly secret: string;
  /**
   * Store through which processes share the token; required for more than one process.
   * @defaultValue none
   */
  readonly store?: AccessTokenStore | undefined;
}

/**
 * Authenticates inside WeChat Cloud Hosting by the open API service (开放接口服务): calls go over plain
 * http to its sidecar, which adds the credential. No AppSecret, token or IP whitelist is needed.
 * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/guide/weixin/open.html
 */
interface OpenApiServiceAuth {
  /** Selects the open API service. */
  readonly type: 'open-api-service';
  /**
   * The calling AppID, sent as `from_appid`, where several AppIDs share one environment.
   * @defaultValue none
   */
  readonly fromAppid?: string | undefined;
}

/**
 * Authenticates inside WeChat Cloud Hosting with the token that the platform mounts as a file
 * (`cloudbase_access_token`).
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/guide/container/cloudcall.html
 */
interface CloudbaseTokenAuth {
  /** Selects the mounted token. */
  readonly type: 'cloudbase-token';
  /**
   * Path of the mounted file.
   * @defaultValue /.tencentcloudbase/wx/cloudbase_access_token
   */
  readonly file?: string | undefined;
}

/** An access token with its lifetime. */
export interface WxAccessToken {
  /** The token; never logged, never part of an error. */
  readonly accessToken: string;
  /** Lifetime in seconds from now on, above 0. */
  readonly expiresInSeconds: number;
}

/** Argument of the function of `auth: { type: 'custom' }`. */
export interface WxAccessTokenRequest {
  /** The AppID of `auth`; empty without one. */
  readonly appid: string;
  /**
   * The token that WeChat refused last, which must not be returned again; undefined when it has
   * refused none. A secret.
   */
  readonly rejected: string | undefined;
}

/**
 * Authenticates with a token that the application provides: from a central token server, or a
 * platform's `authorizer_access_token`.
 */
interface CustomAuth {
  /** Selects the function. */
  readonly type: 'custom';
  /**
   * The AppID that the token belongs to. Instances of the process with the same AppID, the same
   * function and the same `apiBaseUrl` share one token.
   * @defaultValue none: the instance keeps a token of its own
   */
  readonly appid?: string | undefined;
  /**
   * Returns a token with its lifetime, or a string, whose lifetime counts as 60 seconds. Called
   * once for any number of callers, again before the token expires, and after WeChat has refused
   * the token: it should then return another one. A token is printable ASCII without spaces, of
   * 4096 characters at most. What the function throws becomes the cause of
   * `WX_CLOUD_CREDENTIAL_UNAVAILABLE`, without its fields and with credentials masked.
   */
  readonly getToken: (
    request: WxAccessTokenRequest,
  ) => WxAccessToken | string | Promise<WxAccessToken | string>;
}

/** The ways to authenticate. */
export type WxCloudAuth =
  StableTokenAuth | AccessTokenAuth | OpenApiServiceAuth | CloudbaseTokenAuth | CustomAuth;

/** Time limits of remote calls in milliseconds (integers from 1 to 2147483647). */
interface TimeoutOptions {
  /**
   * Limit for opening a connection; with a `dispatcher`, until a request is on one.
   * @defaultValue 10000
   */
  readonly connectMs?: number | undefined;
  /**
   * Limit from the last byte sent to the head of the response.
   * @defaultValue 30000
   */
  readonly headersMs?: number | undefined;
  /**
   * Limit between two chunks of a body, in either direction.
   * @defaultValue 30000
   */
  readonly idleMs?: number | undefined;
  /**
   * Limit for one call of a service method, with all its attempts and transfers.
   * @defaultValue 900000 (15 minutes)
   */
  readonly totalMs?: number | undefined;
  /**
   * Limit for one fetch of an access token, with all its attempts; any number of calls wait for the
   * same fetch.
   * @defaultValue 20000
   */
  readonly tokenMs?: number | undefined;
}

/**
 * Retries of transient failures: the waits double from `minDelayMs` up to `maxDelayMs`, each with
 * random jitter.
 */
interface RetryOptions {
  /**
   * Number of attempts; 1 disables retries. From 1 to 10.
   * @defaultValue 3
   */
  readonly attempts?: number | undefined;
  /**
   * The longest first wait in milliseconds. From 0 to 60000.
   * @defaultValue 200
   */
  readonly minDelayMs?: number | undefined;
  /**
   * The longest wait in milliseconds. From `minDelayMs` to 600000.
   * @defaultValue 5000
   */
  readonly maxDelayMs?: number | undefined;
}

/** Options of uploads. */
interface UploadOptions {
  /**
   * Memory for one body of unknown length; the part beyond it goes to a temporary file. Bytes, from
   * 0.
   * @defaultValue 1048576 (1 MiB)
   */
  readonly memoryLimitBytes?: number | undefined;
  /**
   * Memory for all uploads together, over all instances of the process: files on their way from a
   * form, bodies of unknown length, text fields, small responses. Files beyond the budget go to
   * temporary files, however small; text that does not fit, and a new form without room, are
   * refused with `WX_CLOUD_CAPACITY_EXCEEDED`. Bytes, from 0.
   * @defaultValue 67108864 (64 MiB)
   */
  readonly memoryBudgetBytes?: number | undefined;
  /**
   * Disk space for all temporary files together, over all instances of the process with the same
   * folder. An upload that needs more is refused with `WX_CLOUD_SPOOL_FAILED`, at once if its
   * length is known. Bytes, from 0, which allows no temporary files.
   * @defaultValue 8589934592 (8 GiB), or half of the free space of the folder's disk at start,
   * whichever is less
   */
  readonly diskBudgetBytes?: number | undefined;
  /**
   * The folder for temporary files; it must exist and be writable.
   * @defaultValue the system's temporary folder
   */
  readonly spoolDirectory?: string | undefined;
  /**
   * Compares the ETag in the response of COS with the MD5 of the sent bytes.
   * @defaultValue false
   */
  readonly verifyEtag?: boolean | undefined;
  /**
   * Sends the file of a form to the storage while the client still sends it, if the length of the
   * request shows the size of the file, and asks for other files' links while they arrive. `false`
   * does both only once a file has arrived completely.
   * @defaultValue true
   */
  readonly sendAhead?: boolean | undefined;
}

/** Options of temporary links. */
interface LinkOptions {
  /**
   * Reuses a link for the same file and lifetime, until 5 minutes before it expires (half of its
   * lifetime, if that is shorter). The links of the 10000 most recently requested files are kept;
   * deleting or replacing a file drops its links at once: in this process, and with `replicas` in
   * all of them.
   * @defaultValue true
   */
  readonly cache?: boolean | undefined;
  /**
   * Default lifetime of a link in seconds. From 1 to 86400.
   * @defaultValue 7200
   */
  readonly maxAgeSeconds?: number | undefined;
  /**
   * Time during which links and deletions are collected into one call of up to 50 files, in
   * milliseconds. From 0, which is one turn of the event loop, to 1000.
   * @defaultValue 0
   */
  readonly batchWindowMs?: number | undefined;
}

/**
 * The required part of an undici `Dispatcher` (`Agent`, `ProxyAgent`, …); matched by shape, so that
 * undici 7 and 8 both work.
 */
export interface HttpDispatcher {
  /** Sends one request. */
  dispatch(options: never, handler: never): boolean;
}

/** The options of one WeChat environment for every way to authenticate. */
interface WxCloudStorageCommonOptions {
  /** The environment ID, as the console shows it, e.g. `prod-8gtest`. */
  readonly env: string;
  /**
   * Address of WeChat's API; another one for a gateway or the emulator. `http:` is refused unless
   * the host is loopback; `open-api-service` requires `http:`.
   * @defaultValue https://api.weixin.qq.com, or http://api.weixin.qq.com for `open-api-service`
   */
  readonly apiBaseUrl?: string | undefined;
  /**
   * The bucket, e.g. `7072-prod-8gtest-1300000000`: file IDs of other buckets are refused.
   * @defaultValue learned from the first upload link
   */
  readonly bucket?: string | undefined;
  /**
   * Direct access to the bucket: files are sent to it while they arrive, without a link for each.
   * @defaultValue none: uploads and reads take links
   */
  readonly cos?: CosOptions | undefined;
  /** Time limits. */
  readonly timeouts?: TimeoutOptions | undefined;
  /** Retries of transient failures. */
  readonly retry?: RetryOptions | undefined;
  /** Uploads. */
  readonly upload?: UploadOptions | undefined;
  /** Temporary links. */
  readonly links?: LinkOptions | undefined;
  /**
   * The most requests of the instance on a connection at the same time; further requests wait,
   * within their `timeouts.totalMs`. An eighth each is reserved for calls of WeChat's API, for
   * uploads and for downloads, so that none of them waits behind the others. Connections that are
   * kept for the next request (4 seconds, or as long as their host allows) only count per host.
   * From 1 to 65535; below 3 the kinds wait for each other.
   * @defaultValue 256; 64 for an instance that `WxCloudStorageRegistry` opens
   */
  readonly maxConnections?: number | undefined;
  /**
   * Called with the file IDs of objects that a failed request or call may have left behind: they
   * could not be deleted, or their paths are not unique. The object at such a path may belong to a
   * later request by now and be in use: look it up in your records, and delete only objects that
   * they do not contain. Waited for 10 seconds at most. May be async; errors it throws are logged.
   * @defaultValue none; a warning is logged in any case
   */
  readonly onOrphan?: ((fileIds: readonly string[]) => void | Promise<void>) | undefined;
  /**
   * Key of the tickets of `createUploadForm`, without which `confirmUpload` deletes nothing: a
   * random string of 32 characters or more, the same in all processes. Never logged, never part of
   * an error.
   * @defaultValue derived from the AppSecret; none for `auth` without one (`open-api-service`,
   * `cloudbase-token`, `custom`)
   */
  readonly ticketKey?: string | undefined;
  /**
   * The store in which uploads are recorded until they are answered, so that a sweep of
   * `WxCloudPendingFiles` finds what a crashed process leaves behind: only files at unique paths. A
   * store that is down holds an upload up for a second at most.
   * @defaultValue none: what a crash leaves behind is not found
   */
  readonly pending?: PendingFileStore | undefined;
  /**
   * Connects the replicas of an application: the progress of an upload reaches watchers on all of
   * them, and a file that one deletes or replaces is dropped from the cached links of all.
   * @defaultValue none: progress and cached links end at the process
   */
  readonly replicas?: ReplicaChannel | undefined;
  /**
   * A dispatcher of undici 7 or 8 for every call: a proxy, a custom CA. The application has to
   * close it.
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
  /** Absent, as `appid` and `secret` are given. */
  readonly auth?: undefined;
}

/** The options with another way to authenticate. */
interface WxCloudStorageAuthOptions extends WxCloudStorageCommonOptions {
  /** The way to authenticate. */
  readonly auth: WxCloudAuth;
  /** Absent, as `auth` contains it where necessary. */
  readonly appid?: undefined;
  /** Absent, as `auth` contains it where necessary. */
  readonly secret?: undefined;
}

/**
 * The options of one WeChat environment: `env`, and `appid` with `secret`, or `auth`.
 * @example
 * ```ts
 * import { Module } from '@nestjs/common';
 * import { WxCloudStorageModule, type WxCloudStorageOptions } from 'nestjs-wx-cloud-storage';
 *
 * const options: WxCloudStorageOptions = {
 *   env: process.env['WX_ENV_ID'] ?? '',
 *   appid: process.env['WX_APPID'] ?? '',
 *   secret: process.env['WX_SECRET'] ?? '',
 *   timeouts: { totalMs: 60_000 },
 *   retry: { attempts: 5 },
 * };
 *
 * @Module({ imports: [WxCloudStorageModule.forRoot(options)] })
 * export class AppModule {}
 * ```
 */
export type WxCloudStorageOptions = WxCloudStorageSecretOptions | WxCloudStorageAuthOptions;

/**
 * A class that makes the options, for `useClass` and `useExisting` of `forRootAsync`.
 * @example
 * ```ts
 * import { Injectable, Module } from '@nestjs/common';
 * import {
 *   WxCloudStorageModule,
 *   type WxCloudStorageOptions,
 *   type WxCloudStorageOptionsFactory,
 * } from 'nestjs-wx-cloud-storage';
 *
 * @Injectable()
 * class StorageConfig implements WxCloudStorageOptionsFactory {
 *   create(): WxCloudStorageOptions {
 *     return { env: 'prod-8gtest', auth: { type: 'open-api-service' } };
 *   }
 * }
 *
 * @Module({ imports: [WxCloudStorageModule.forRootAsync({ useClass: StorageConfig })] })
 * export class AppModule {}
 * ```
 */
export interface WxCloudStorageOptionsFactory {
  /** Makes the options; called once, when the application starts. */
  create(): WxCloudStorageOptions | Promise<WxCloudStorageOptions>;
}
