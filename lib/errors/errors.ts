import { redact } from './redaction.js';

/**
 * Every code a {@link WxCloudStorageError} can carry. Codes are stable: messages may be reworded,
 * codes are not. `docs/errors.md` lists what each means, its HTTP status at the edge, and the
 * remedy.
 */
export type WxCloudStorageErrorCode =
  | 'WX_CLOUD_OPTIONS_INVALID'
  | 'WX_CLOUD_ARGUMENT_INVALID'
  | 'WX_CLOUD_FILE_ID_INVALID'
  | 'WX_CLOUD_PATH_INVALID'
  | 'WX_CLOUD_FORM_INVALID'
  | 'WX_CLOUD_FILE_REQUIRED'
  | 'WX_CLOUD_FILE_TOO_LARGE'
  | 'WX_CLOUD_TYPE_REFUSED'
  | 'WX_CLOUD_TICKET_REFUSED'
  | 'WX_CLOUD_SIZE_MISMATCHED'
  | 'WX_CLOUD_BODY_FAILED'
  | 'WX_CLOUD_BODY_STALLED'
  | 'WX_CLOUD_SPOOL_FAILED'
  | 'WX_CLOUD_CAPACITY_EXCEEDED'
  | 'WX_CLOUD_FILE_NOT_FOUND'
  | 'WX_CLOUD_RANGE_UNSATISFIABLE'
  | 'WX_CLOUD_TOKEN_REJECTED'
  | 'WX_CLOUD_CREDENTIAL_REFUSED'
  | 'WX_CLOUD_CREDENTIAL_UNAVAILABLE'
  | 'WX_CLOUD_QUOTA_EXCEEDED'
  | 'WX_CLOUD_API_FAILED'
  | 'WX_CLOUD_UPLOAD_REJECTED'
  | 'WX_CLOUD_DOWNLOAD_FAILED'
  | 'WX_CLOUD_RESPONSE_MALFORMED'
  | 'WX_CLOUD_CONNECTION_FAILED'
  | 'WX_CLOUD_REQUEST_TIMED_OUT'
  | 'WX_CLOUD_REQUEST_ABORTED'
  | 'WX_CLOUD_STORAGE_CLOSED';

/** The named parts an error is built from. */
export interface WxCloudStorageErrorParts {
  /** What went wrong, for programs. */
  readonly code: WxCloudStorageErrorCode;
  /** What was attempted, what came back, what to do; credentials in it are masked. */
  readonly message: string;
  /** True when the same call may succeed when it is made again later. @defaultValue false */
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
  /** True when the same call may succeed when it is made again later. */
  readonly retryable: boolean;
  /** WeChat's `errcode`, when WeChat answered with one. */
  declare readonly errcode?: number;
  /** WeChat's `errmsg`, with credentials masked. */
  declare readonly errmsg?: string;
  /** The remote operation, as a path without its query. */
  declare readonly endpoint?: string;
  /** The ID to quote to WeChat's or Tencent Cloud's support. */
  declare readonly requestId?: string;
  /**
   * The HTTP status of the remote answer. Not named `status`: Nest would answer clients with it.
   */
  declare readonly upstreamStatus?: number;

  /**
   * Builds an error from its named parts. Absent parts leave no field behind. The message ends with
   * the place in the package's documents that explains the code.
   */
  constructor(parts: WxCloudStorageErrorParts) {
    const message = `${redact(parts.message)}${linkFor(parts.code)}`;
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause });
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

/** The end of every message. The path is that of the installed package. */
function linkFor(code: WxCloudStorageErrorCode): string {
  return ` (nestjs-wx-cloud-storage/docs/errors.md#${code.toLowerCase()})`;
}

/** The message of an error without the link at its end, for clients and for other messages. */
export function messageWithoutLink({ code, message }: WxCloudStorageError): string {
  const link = linkFor(code);
  return message.endsWith(link) ? message.slice(0, -link.length) : message;
}

/** The named parts of an {@link OptionsInvalidError}. */
export interface OptionsInvalidErrorParts {
  /** The option's path, e.g. `timeouts.totalMs`. */
  readonly option: string;
  /**
   * The beginning of the message.
   * @defaultValue `WxCloudStorageModule: option "<option>"`
   */
  readonly subject?: string | undefined;
  /** What would be accepted. */
  readonly expected: string;
  /** What to do about it. */
  readonly remedy: string;
  /** What showed it, when something threw. */
  readonly cause?: unknown;
}

const partsOf = new WeakMap<OptionsInvalidError, OptionsInvalidErrorParts>();

/**
 * An option of the module, an interceptor or a pipe is missing or wrong, or a decorator does not
 * fit its interceptor. Names the option, never a secret. Code `WX_CLOUD_OPTIONS_INVALID`.
 */
export class OptionsInvalidError extends WxCloudStorageError {
  /** The option's path, e.g. `timeouts.totalMs`; or the decorator, e.g. `@FileId()`. */
  readonly option: string;

  /** Builds the error for one option. */
  constructor(parts: OptionsInvalidErrorParts) {
    const { option, expected, remedy, cause } = parts;
    const { subject = `WxCloudStorageModule: option "${option}"` } = parts;
    super({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      message: `${subject} must be ${expected}. ${remedy}`,
      cause,
    });
    this.option = option;
    partsOf.set(this, parts);
  }
}

/** The same error of an option that something else than the module has. */
export function withSubject(error: OptionsInvalidError, subject: string): OptionsInvalidError {
  const parts = partsOf.get(error);
  return parts === undefined ? error : new OptionsInvalidError({ ...parts, subject });
}

/** The named parts of a {@link FileTooLargeError}. */
export interface FileTooLargeErrorParts {
  /** The file or part of a request. */
  readonly subject: string;
  /** The limit in bytes. */
  readonly limitBytes: number;
  /** The problem and its remedy. @defaultValue the limit, and to raise it */
  readonly problem?: string | undefined;
  /** The failure that showed it. */
  readonly cause?: unknown;
}

/** A file or a download has more bytes than allowed. Code `WX_CLOUD_FILE_TOO_LARGE`. */
export class FileTooLargeError extends WxCloudStorageError {
  /** The limit that was passed, in bytes. */
  readonly limitBytes: number;

  /** Builds the error for a limit. */
  constructor({ subject, limitBytes, problem, cause }: FileTooLargeErrorParts) {
    const usual = `has more than the ${limitBytes} bytes allowed. Send less, or raise the limit.`;
    super({
      code: 'WX_CLOUD_FILE_TOO_LARGE',
      message: `${subject} ${problem ?? usual}`,
      cause,
    });
    this.limitBytes = limitBytes;
  }
}

/** What a time limit was set on. */
export type WxCloudTimeoutPhase = 'connect' | 'headers' | 'idle' | 'total' | 'token';

/** What the error is made from. */
interface RequestTimedOutParts {
  readonly phase: WxCloudTimeoutPhase;
  readonly endpoint: string;
  /** Undefined when it is not one of this package's `timeouts`, but the dispatcher's own. */
  readonly timeoutMs: number | undefined;
  readonly cause?: unknown;
}

/** A remote call took longer than allowed. Code `WX_CLOUD_REQUEST_TIMED_OUT`. */
export class RequestTimedOutError extends WxCloudStorageError {
  /** Which of the time limits was reached. */
  readonly phase: WxCloudTimeoutPhase;

  /** Builds the error for one endpoint and phase. */
  constructor(parts: RequestTimedOutParts) {
    super({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
      message: `${parts.endpoint}: ${describe(parts)}`,
      // These cover every attempt, so there is no time left for another.
      retryable: parts.phase !== 'total' && parts.phase !== 'token',
      endpoint: parts.endpoint,
      cause: parts.cause,
    });
    this.phase = parts.phase;
  }
}

function describe({ phase, timeoutMs }: RequestTimedOutParts): string {
  return timeoutMs === undefined
    ? `the ${phase} timeout of the dispatcher was reached. Try again, or raise it there.`
    : `the ${phase} timeout of ${timeoutMs} ms was reached. Try again, or raise timeouts.${phase}Ms.`;
}

/**
 * The type found in a file's first bytes is not among the accepted ones, or not the one that the
 * file was stored with. Code `WX_CLOUD_TYPE_REFUSED`.
 */
export class TypeRefusedError extends WxCloudStorageError {
  /** The type found, or undefined when the bytes show none. */
  readonly detectedType: string | undefined;
  /** The types that are accepted, wildcards included. */
  readonly accepted: readonly string[];

  /**
   * Builds the error from the type found, and the accepted ones or the one the file was stored
   * with.
   */
  constructor(parts: {
    readonly detectedType: string | undefined;
    readonly accepted: readonly string[];
    /**
     * The type that the file was stored with, if that is what does not fit; in words when it is
     * none.
     */
    readonly storedAs?: string;
    /** The file, as part of a sentence. @defaultValue file */
    readonly subject?: string;
    /** The file has no content at all. @defaultValue false */
    readonly isEmpty?: boolean;
  }) {
    const { detectedType, accepted, storedAs, subject = 'file', isEmpty = false } = parts;
    const found = detectedType ?? (isEmpty ? 'empty' : 'of no recognisable type');
    const problem =
      storedAs === undefined
        ? `accepted: ${accepted.join(', ')}. Send a file of an accepted type.`
        : `${storedAs}. Post the form with the fields it was given, for a file of their type.`;
    super({
      code: 'WX_CLOUD_TYPE_REFUSED',
      message: `The content of the ${subject} is ${found}; ${problem}`,
    });
    this.detectedType = parts.detectedType;
    this.accepted = parts.accepted;
  }
}

/** The named parts of an {@link UploadRejectedError}. */
export interface UploadRejectedErrorParts {
  /** The HTTP status that COS answered with. */
  readonly upstreamStatus: number;
  /** The `<Code>` of COS's error document, when there was one. */
  readonly cosCode: string | undefined;
  /** The path the object would have had. */
  readonly cloudPath: string;
  /** What came back, in words; masked. */
  readonly response: string;
  /** True when a repeat with a fresh link may succeed. */
  readonly retryable: boolean;
  /** `x-cos-request-id` or the document's `<RequestId>`. */
  readonly requestId: string | undefined;
}

/** COS did not confirm that it stored the object. Code `WX_CLOUD_UPLOAD_REJECTED`. */
export class UploadRejectedError extends WxCloudStorageError {
  /**
   * The `<Code>` of COS's error document, e.g. `SlowDown`.
   * @see https://cloud.tencent.com/document/api/436/7730
   */
  declare readonly cosCode?: string;
  /** The path the object would have had. */
  readonly cloudPath: string;

  /** Builds the error from COS's answer. */
  constructor(parts: UploadRejectedErrorParts) {
    super({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
      message: `Uploading "${parts.cloudPath}" failed: COS answered ${parts.response}. ${adviceFor(parts)}`,
      retryable: parts.retryable,
      upstreamStatus: parts.upstreamStatus,
      requestId: parts.requestId,
      endpoint: 'POST object',
    });
    if (parts.cosCode !== undefined) this.cosCode = parts.cosCode;
    this.cloudPath = parts.cloudPath;
  }
}

const ADVICE: ReadonlyMap<string | undefined, string> = new Map([
  [
    'AccessDenied',
    'Check that the environment is active, and that this machine has the right time.',
  ],
  ['RequestTimeTooSkewed', 'Set this machine to the right time: it is more than 15 minutes off.'],
  ['EntityTooLarge', 'One object may have 5 GB at most.'],
  ['PaymentRequired', 'The environment is in arrears or suspended: check its billing.'],
]);

function adviceFor({ cosCode, retryable }: UploadRejectedErrorParts): string {
  if (retryable) return 'Try again later.';
  return ADVICE.get(cosCode) ?? 'Quote the request ID to Tencent Cloud support if it persists.';
}
