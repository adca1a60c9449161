import { inspect } from 'node:util';
import type { AccessTokenStore, WxAccessToken, HttpDispatcher } from './options.js';

const MASK = '[secret]';

/** Holds a credential so that no inspection, serialisation or string conversion shows it. */
export class Secret {
  readonly #value: string;

  /** Wraps a credential. */
  constructor(value: string) {
    this.#value = value;
  }

  /** The credential itself; call it only where a request is built. */
  reveal(): string {
    return this.#value;
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
  /** Which token call is used. */
  readonly type: 'stable-token' | 'access-token';
  /** The AppID. */
  readonly appid: string;
  /** The AppSecret, wrapped. */
  readonly secret: Secret;
  /** Where processes share the token; undefined when this one keeps it to itself. */
  readonly store: AccessTokenStore | undefined;
}

/** No token: the sidecar of the open API service adds one. */
interface ResolvedOpenApiAuth {
  /** Selects it. */
  readonly type: 'open-api-service';
  /** The AppID that calls, where several share one environment. */
  readonly fromAppid: string | undefined;
}

/** The token that the platform mounts. */
interface ResolvedTokenFileAuth {
  /** Selects it. */
  readonly type: 'cloudbase-token';
  /** Where it is mounted. */
  readonly file: string;
}

/** A token from the application's own function. */
export interface ResolvedCustomAuth {
  /** Selects it. */
  readonly type: 'custom';
  /** Gives a token and its life. */
  readonly getToken: () => WxAccessToken | Promise<WxAccessToken>;
}

/** How to authenticate, decided. */
export type ResolvedAuth =
  ResolvedTokenCallAuth | ResolvedOpenApiAuth | ResolvedTokenFileAuth | ResolvedCustomAuth;

/** Time limits in milliseconds. */
export interface ResolvedTimeouts {
  /** To open a connection. */
  readonly connectMs: number;
  /** From the last byte sent to the head of the answer. */
  readonly headersMs: number;
  /** Between two pieces of a body. */
  readonly idleMs: number;
  /** One call of a service method. */
  readonly totalMs: number;
  /** One fetch of an access token, with all its attempts. */
  readonly tokenMs: number;
}

/** Repeats of transient failures. */
export interface ResolvedRetry {
  /** Tries in all. */
  readonly attempts: number;
  /** The longest first wait in milliseconds. */
  readonly minDelayMs: number;
  /** The longest wait in milliseconds. */
  readonly maxDelayMs: number;
}

/** How bodies are uploaded. */
export interface ResolvedUpload {
  /** Bytes of one body of unknown length kept in memory. */
  readonly memoryLimitBytes: number;
  /** Bytes that all uploads together hold in memory. */
  readonly memoryBudgetBytes: number;
  /** Bytes that all temporary files together take. */
  readonly diskBudgetBytes: number;
  /** The folder for temporary files. */
  readonly spoolDirectory: string;
  /** True when COS's ETag is compared with the MD5 of what was sent. */
  readonly verifyEtag: boolean;
}

/**
 * The options of one instance, complete and frozen: what everything but `resolveOptions` works
 * with.
 */
export interface ResolvedOptions {
  /** The environment ID. */
  readonly env: string;
  /** The way to authenticate. */
  readonly auth: ResolvedAuth;
  /** True when environment variables gave them. */
  readonly isFromEnvironment: boolean;
  /** WeChat's API, without a trailing slash. */
  readonly apiBaseUrl: string;
  /** The bucket, when it was given. */
  readonly bucket: string | undefined;
  /** Time limits. */
  readonly timeouts: ResolvedTimeouts;
  /** Repeats of transient failures. */
  readonly retry: ResolvedRetry;
  /** Uploads. */
  readonly upload: ResolvedUpload;
  /** Temporary links. */
  readonly links: {
    /** True when links are handed out again. */
    readonly cache: boolean;
    /** The life of a link in seconds. */
    readonly maxAgeSeconds: number;
    /** For how long calls are gathered, in milliseconds. */
    readonly batchWindowMs: number;
  };
  /** Requests of the instance that are on a connection at the same time. */
  readonly maxConnections: number;
  /** Called with the file IDs of objects that failed calls may have left behind. */
  readonly onOrphan: ((fileIds: readonly string[]) => void | Promise<void>) | undefined;
  /** The key of upload tickets, wrapped; undefined when it is to be derived from the AppSecret. */
  readonly ticketKey: Secret | undefined;
  /** The caller's undici dispatcher. */
  readonly dispatcher: HttpDispatcher | undefined;
}
