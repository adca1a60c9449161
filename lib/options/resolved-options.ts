import type { Secret } from './secret.js';
import type { HttpDispatcher } from './wx-cloud-storage-options.js';

/** How to authenticate, decided. */
export interface ResolvedAuth {
  /** Which token call is used. */
  readonly type: 'stable-token' | 'access-token';
  /** The AppID. */
  readonly appid: string;
  /** The AppSecret, wrapped. */
  readonly secret: Secret;
}

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
  /** Bytes of all such bodies together kept in memory. */
  readonly memoryBudgetBytes: number;
  /** The folder for temporary files. */
  readonly spoolDirectory: string;
  /** Whether COS's ETag is compared with the MD5 of what was sent. */
  readonly verifyEtag: boolean;
}

/** The options of one instance, complete and frozen: what everything but `resolveOptions` works with. */
export interface ResolvedOptions {
  /** The environment ID. */
  readonly env: string;
  /** How to authenticate. */
  readonly auth: ResolvedAuth;
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
    /** The life of a link in seconds. */
    readonly maxAgeSeconds: number;
  };
  /** Called with the file IDs of objects that could not be removed. */
  readonly onOrphan: ((fileIds: readonly string[]) => void | Promise<void>) | undefined;
  /** The caller's undici dispatcher. */
  readonly dispatcher: HttpDispatcher | undefined;
}
