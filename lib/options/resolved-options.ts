import { createHash, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import type { PendingFileStore } from '../pending/pending-file-store.js';
import type { AccessTokenStore, HttpDispatcher, WxAccessTokenRequest } from './options.js';
import type { ReplicaChannel } from './replica-channel.js';

const MASK = '[secret]';

/** Wraps a credential so that no inspection, serialisation or string conversion shows it. */
export class Secret {
  readonly #value: string;

  /** Wraps a credential. */
  constructor(value: string) {
    this.#value = value;
  }

  /** Returns the credential; call it only where a request is built. */
  reveal(): string {
    return this.#value;
  }

  /** Compares two credentials in a time that does not depend on them. */
  equals(other: Secret): boolean {
    const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
    return timingSafeEqual(digest(this.#value), digest(other.#value));
  }

  /** Always `[secret]`. */
  toString(): string {
    return MASK;
  }

  /** Always `[secret]`. */
  toJSON(): string {
    return MASK;
  }

  /** Always `[secret]`. */
  [inspect.custom](): string {
    return MASK;
  }
}

/** A token from one of WeChat's token calls. */
export interface ResolvedTokenCallAuth {
  /** The token call to use. */
  readonly type: 'stable-token' | 'access-token';
  /** The AppID. */
  readonly appid: string;
  /** The AppSecret, wrapped. */
  readonly secret: Secret;
  /** Store through which processes share the token; undefined without sharing. */
  readonly store: AccessTokenStore | undefined;
}

/** No token: the sidecar of the open API service adds one. */
interface ResolvedOpenApiAuth {
  /** Selects it. */
  readonly type: 'open-api-service';
  /** The calling AppID, where several share one environment. */
  readonly fromAppid: string | undefined;
}

/** The token that the platform mounts. */
interface ResolvedTokenFileAuth {
  /** Selects it. */
  readonly type: 'cloudbase-token';
  /** Path of the mounted file. */
  readonly file: string;
}

/** A token from the application's own function. */
export interface ResolvedCustomAuth {
  /** Selects it. */
  readonly type: 'custom';
  /** The AppID that the token belongs to; undefined for a token of the instance alone. */
  readonly appid: string | undefined;
  /** Returns a token; its result is checked. */
  readonly getToken: (request: WxAccessTokenRequest) => unknown;
}

/** The resolved way to authenticate. */
export type ResolvedAuth =
  ResolvedTokenCallAuth | ResolvedOpenApiAuth | ResolvedTokenFileAuth | ResolvedCustomAuth;

/** Keys that sign requests to COS. */
export interface SigningKeys {
  /** Names the key. */
  readonly secretId: string;
  /** The key itself, wrapped. */
  readonly secretKey: Secret;
  /** The session token of temporary keys, wrapped; undefined for permanent ones. */
  readonly token: Secret | undefined;
}

/** The application's own function for keys; its result is checked. */
export type CosKeysFunction = () => unknown;

/** The source of the keys that sign requests to COS. */
export type ResolvedCosCredentials =
  | { readonly type: 'container' }
  | { readonly type: 'keys'; readonly keys: SigningKeys }
  | { readonly type: 'function'; readonly getKeys: CosKeysFunction };

/** Direct access to the bucket. */
export interface ResolvedCos {
  /** The bucket. */
  readonly bucket: string;
  /** The host of the bucket at COS. */
  readonly host: string;
  /** Address of the bucket, for requests; it may have a path. */
  readonly address: string;
  /** The source of the keys. */
  readonly credentials: ResolvedCosCredentials;
  /** Size in bytes of a part. */
  readonly partBytes: number;
}

/** Time limits in milliseconds. */
export interface ResolvedTimeouts {
  /** Limit for opening a connection. */
  readonly connectMs: number;
  /** Limit from the last byte sent to the head of the response. */
  readonly headersMs: number;
  /** Limit between two chunks of a body. */
  readonly idleMs: number;
  /** Limit for one call of a service method. */
  readonly totalMs: number;
  /** Limit for one fetch of an access token, with all its attempts. */
  readonly tokenMs: number;
}

/** Retries of transient failures. */
export interface ResolvedRetry {
  /** Number of attempts. */
  readonly attempts: number;
  /** The longest first wait in milliseconds. */
  readonly minDelayMs: number;
  /** The longest wait in milliseconds. */
  readonly maxDelayMs: number;
}

/** Options of uploads. */
export interface ResolvedUpload {
  /** Memory in bytes for one body of unknown length. */
  readonly memoryLimitBytes: number;
  /** Memory in bytes for all uploads together. */
  readonly memoryBudgetBytes: number;
  /** Disk space in bytes for all temporary files together. */
  readonly diskBudgetBytes: number;
  /** The folder for temporary files. */
  readonly spoolDirectory: string;
  /** True when the ETag of COS is compared with the MD5 of the sent bytes. */
  readonly verifyEtag: boolean;
  /** True when files of forms are sent while their client still sends them. */
  readonly sendAhead: boolean;
}

/**
 * The options of one instance, complete and frozen: the only form that code outside of
 * `resolveOptions` uses.
 */
export interface ResolvedOptions {
  /** The environment ID. */
  readonly env: string;
  /** The way to authenticate. */
  readonly auth: ResolvedAuth;
  /** True when the options come from environment variables. */
  readonly isFromEnvironment: boolean;
  /** WeChat's API, without a trailing slash. */
  readonly apiBaseUrl: string;
  /** The configured bucket. */
  readonly bucket: string | undefined;
  /** Direct access to the bucket; undefined without it. */
  readonly cos: ResolvedCos | undefined;
  /** Time limits. */
  readonly timeouts: ResolvedTimeouts;
  /** Retries of transient failures. */
  readonly retry: ResolvedRetry;
  /** Uploads. */
  readonly upload: ResolvedUpload;
  /** Temporary links. */
  readonly links: {
    /** True when links are reused. */
    readonly cache: boolean;
    /** Default lifetime of a link in seconds. */
    readonly maxAgeSeconds: number;
    /** Time during which calls are collected, in milliseconds. */
    readonly batchWindowMs: number;
  };
  /** The most requests of the instance on a connection at the same time. */
  readonly maxConnections: number;
  /** Called with the file IDs of objects that failed calls may have left behind. */
  readonly onOrphan: ((fileIds: readonly string[]) => void | Promise<void>) | undefined;
  /** The key of upload tickets, wrapped; undefined to derive it from the AppSecret. */
  readonly ticketKey: Secret | undefined;
  /** The application's store of pending files; undefined without one. */
  readonly pending: PendingFileStore | undefined;
  /** The channel between replicas; undefined without one. */
  readonly replicas: ReplicaChannel | undefined;
  /** The application's undici dispatcher. */
  readonly dispatcher: HttpDispatcher | undefined;
}
