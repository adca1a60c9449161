import type { WxCloudStorageErrorCode } from './error-code.js';
import { redact } from './redaction.js';

/** The named parts an error is built from. */
export interface WxCloudStorageErrorParts {
  /** What went wrong, for programs. */
  readonly code: WxCloudStorageErrorCode;
  /** What was attempted, what came back, what to do; credentials in it are masked. */
  readonly message: string;
  /** Whether the same call may succeed when it is made again later. @defaultValue false */
  readonly retryable?: boolean | undefined;
  /** WeChat's `errcode`, when WeChat answered with one. */
  readonly errcode?: number | undefined;
  /** WeChat's `errmsg`, with credentials masked. */
  readonly errmsg?: string | undefined;
  /** The remote operation, as a path without its query, e.g. `/tcb/uploadfile`. */
  readonly endpoint?: string | undefined;
  /** The ID to quote to WeChat's or Tencent Cloud's support (`rid` or `x-cos-request-id`). */
  readonly requestId?: string | undefined;
  /** The HTTP status of the remote answer. */
  readonly upstreamStatus?: number | undefined;
  /** What caused it: a copy without credentials, or the caller's own error. */
  readonly cause?: unknown;
}

/**
 * The one error that this package throws. Tell errors apart by {@link WxCloudStorageError.code}. No
 * message, field or cause holds an app secret, an access token, a COS signature or a security
 * token. Its JSON has the message and all fields, but neither stack nor cause.
 */
export class WxCloudStorageError extends Error {
  /** What went wrong, for programs; `docs/errors.md` has a table, and remedies. */
  readonly code: WxCloudStorageErrorCode;
  /** Whether the same call may succeed when it is made again later. */
  readonly retryable: boolean;
  /** WeChat's `errcode`, when WeChat answered with one. */
  declare readonly errcode?: number;
  /** WeChat's `errmsg`, with credentials masked. */
  declare readonly errmsg?: string;
  /** The remote operation, as a path without its query. */
  declare readonly endpoint?: string;
  /** The ID to quote to WeChat's or Tencent Cloud's support. */
  declare readonly requestId?: string;
  /** The HTTP status of the remote answer. Not named `status`: Nest would answer clients with it. */
  declare readonly upstreamStatus?: number;

  /** Builds an error from its named parts; absent parts leave no field behind. */
  constructor(parts: WxCloudStorageErrorParts) {
    super(redact(parts.message), parts.cause === undefined ? undefined : { cause: parts.cause });
    // JSON and structured loggers take an error's own enumerable fields alone.
    Object.defineProperty(this, 'message', { enumerable: true });
    this.name = new.target.name;
    this.code = parts.code;
    this.retryable = parts.retryable ?? false;
    if (parts.errcode !== undefined) this.errcode = parts.errcode;
    if (parts.errmsg !== undefined) this.errmsg = redact(parts.errmsg);
    if (parts.endpoint !== undefined) this.endpoint = parts.endpoint;
    if (parts.requestId !== undefined) this.requestId = parts.requestId;
    if (parts.upstreamStatus !== undefined) this.upstreamStatus = parts.upstreamStatus;
  }
}
