import { redact } from './redaction.js';

/**
 * Every code of a {@link WxCloudStorageError}. Codes are stable: messages may be reworded, codes
 * are not. `docs/errors.md` lists the meaning of each, its HTTP status at the edge, and the remedy.
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
  | 'WX_CLOUD_FILE_EXISTS'
  | 'WX_CLOUD_INSTANCE_NOT_FOUND'
  | 'WX_CLOUD_PENDING_LOST'
  | 'WX_CLOUD_RANGE_UNSATISFIABLE'
  | 'WX_CLOUD_TOKEN_REJECTED'
  | 'WX_CLOUD_CREDENTIAL_REFUSED'
  | 'WX_CLOUD_CREDENTIAL_UNAVAILABLE'
  | 'WX_CLOUD_QUOTA_EXCEEDED'
  | 'WX_CLOUD_API_FAILED'
  | 'WX_CLOUD_UNSUPPORTED'
  | 'WX_CLOUD_UPLOAD_REJECTED'
  | 'WX_CLOUD_UPLOAD_INCOMPLETE'
  | 'WX_CLOUD_DOWNLOAD_FAILED'
  | 'WX_CLOUD_RESPONSE_MALFORMED'
  | 'WX_CLOUD_CONNECTION_FAILED'
  | 'WX_CLOUD_REQUEST_TIMED_OUT'
  | 'WX_CLOUD_REQUEST_ABORTED'
  | 'WX_CLOUD_STORAGE_CLOSED';

/** Advice by the `<Code>` of COS's error document. */
const ADVICE: ReadonlyMap<string | undefined, string> = new Map([
  [
    'AccessDenied',
    'Check that the environment is active, and that this machine has the right time.',
  ],
  ['RequestTimeTooSkewed', 'Set this machine to the right time: it is more than 15 minutes off.'],
  ['EntityTooLarge', 'One object may have 5 GB at most.'],
  ['PaymentRequired', 'The environment is in arrears or suspended: check its billing.'],
]);

/** The parts of each error, for {@link withSubject}. */
const partsOf = new WeakMap<OptionsInvalidError, OptionsInvalidErrorParts>();

/** The named parts of a {@link WxCloudStorageError}. */
interface WxCloudStorageErrorParts {
  /** The kind of failure, for programs. */
  readonly code: WxCloudStorageErrorCode;
  /** The attempted operation, the result and the remedy; credentials are masked. */
  readonly message: string;
  /**
   * True when the same call may succeed later.
   * @defaultValue false
   */
  readonly retryable?: boolean | undefined;
  /** WeChat's `errcode`, if WeChat returned one. */
  readonly errcode?: number | undefined;
  /** WeChat's `errmsg`, with credentials masked. */
  readonly errmsg?: string | undefined;
  /** The remote operation, as a path without its query, e.g. `/tcb/uploadfile`. */
  readonly endpoint?: string | undefined;
  /** The ID to quote to WeChat's or Tencent Cloud's support (`rid` or `x-cos-request-id`). */
  readonly requestId?: string | undefined;
  /** The HTTP status of the remote response. */
  readonly upstreamStatus?: number | undefined;
  /** The cause: a copy without credentials, or the caller's own error. */
  readonly cause?: unknown;
}

/**
 * The base class of every error that this package throws. Distinguish errors by
 * {@link WxCloudStorageError.code}. No message, field or cause contains an app secret, an access
 * token, a COS signature or a security token. Its JSON has the message and all fields, but neither
 * stack nor cause.
 * @example
 * ```ts
 * import { WxCloudStorageError, type WxCloudStorageService } from 'nestjs-wx-cloud-storage';
 *
 * export async function findLink(
 *   storage: WxCloudStorageService,
 *   fileId: string,
 * ): Promise<string | undefined> {
 *   try {
 *     return await storage.getDownloadUrl(fileId);
 *   } catch (error) {
 *     const isMissing =
 *       error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_FILE_NOT_FOUND';
 *     if (isMissing) return undefined;
 *     throw error;
 *   }
 * }
 * ```
 */
export class WxCloudStorageError extends Error {
  /** The kind of failure, for programs; `docs/errors.md` has a table with remedies. */
  readonly code: WxCloudStorageErrorCode;
  /** True when the same call may succeed later. */
  readonly retryable: boolean;
  /** WeChat's `errcode`, if WeChat returned one. */
  declare readonly errcode?: number;
  /** WeChat's `errmsg`, with credentials masked. */
  declare readonly errmsg?: string;
  /** The remote operation, as a path without its query. */
  declare readonly endpoint?: string;
  /** The ID to quote to WeChat's or Tencent Cloud's support. */
  declare readonly requestId?: string;
  /**
   * The HTTP status of the remote response. Not named `status`, which Nest would send to clients.
   */
  declare readonly upstreamStatus?: number;

  /**
   * Creates an error from its named parts. Absent parts leave no field behind. The message ends
   * with a link to the section of the package's documentation that explains the code.
   */
  constructor(parts: WxCloudStorageErrorParts) {
    const message = `${redact(parts.message)}${linkFor(parts.code)}`;
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause });
    // JSON and structured loggers only show an error's own enumerable fields.
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
interface OptionsInvalidErrorParts {
  /** The option's path, e.g. `timeouts.totalMs`. */
  readonly option: string;
  /**
   * The beginning of the message.
   * @defaultValue `WxCloudStorageModule: option "<option>"`
   */
  readonly subject?: string | undefined;
  /** Accepted values; undefined for an option that does not exist. */
  readonly expected?: string | undefined;
  /** The remedy. */
  readonly remedy: string;
  /** The error that revealed the problem. */
  readonly cause?: unknown;
}

/**
 * A missing or wrong option of the module, an interceptor or a pipe, or a decorator that does not
 * fit its interceptor. Names the option, never a secret. Code `WX_CLOUD_OPTIONS_INVALID`.
 * @example
 * ```ts
 * import { NestFactory } from '@nestjs/core';
 * import { OptionsInvalidError, WxCloudStorageModule } from 'nestjs-wx-cloud-storage';
 *
 * try {
 *   const application = await NestFactory.create(WxCloudStorageModule.forRoot(), {
 *     abortOnError: false,
 *   });
 *   await application.listen(80);
 * } catch (error) {
 *   if (!(error instanceof OptionsInvalidError)) throw error;
 *   console.error(`Check ${error.option}: ${error.message}`);
 *   process.exitCode = 1;
 * }
 * ```
 */
export class OptionsInvalidError extends WxCloudStorageError {
  /** The option's path, e.g. `timeouts.totalMs`; or the decorator, e.g. `@FileId()`. */
  readonly option: string;

  /** Creates the error for one option. */
  constructor(parts: OptionsInvalidErrorParts) {
    const { option, expected, remedy, cause } = parts;
    const { subject = `WxCloudStorageModule: option "${option}"` } = parts;
    const problem = expected === undefined ? 'is unknown' : `must be ${expected}`;
    super({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      message: `${subject} ${problem}. ${remedy}`,
      cause,
    });
    this.option = option;
    partsOf.set(this, parts);
  }
}

/** Copies an error, with the option of something other than the module as its subject. */
export function withSubject(error: OptionsInvalidError, subject: string): OptionsInvalidError {
  const parts = partsOf.get(error);
  return parts === undefined ? error : new OptionsInvalidError({ ...parts, subject });
}

/** The named parts of a {@link FileTooLargeError}. */
interface FileTooLargeErrorParts {
  /** The file or part of a request. */
  readonly subject: string;
  /** The limit in bytes. */
  readonly limitBytes: number;
  /**
   * The problem and its remedy.
   * @defaultValue the limit, with the advice to raise it
   */
  readonly problem?: string | undefined;
  /** The error that revealed it. */
  readonly cause?: unknown;
}

/**
 * A file or a download with more bytes than allowed. Code `WX_CLOUD_FILE_TOO_LARGE`.
 * @example
 * ```ts
 * import { FileTooLargeError, type WxCloudStorageService } from 'nestjs-wx-cloud-storage';
 *
 * export async function readNote(storage: WxCloudStorageService, fileId: string): Promise<string> {
 *   try {
 *     const note = await storage.downloadBuffer(fileId, { maxBytes: 65_536 });
 *     return note.toString('utf8');
 *   } catch (error) {
 *     if (error instanceof FileTooLargeError) return `more than ${error.limitBytes} bytes`;
 *     throw error;
 *   }
 * }
 * ```
 */
export class FileTooLargeError extends WxCloudStorageError {
  /** The exceeded limit in bytes. */
  readonly limitBytes: number;

  /** Creates the error for a limit. */
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

/** The part of a call that a time limit bounds. */
export type WxCloudTimeoutPhase = 'connect' | 'headers' | 'idle' | 'total' | 'token';

/** The named parts of a {@link RequestTimedOutError}. */
interface RequestTimedOutParts {
  /** The part of the call that took too long. */
  readonly phase: WxCloudTimeoutPhase;
  /** The endpoint that was called. */
  readonly endpoint: string;
  /** Undefined for the dispatcher's own limit, which is not one of this package's `timeouts`. */
  readonly timeoutMs: number | undefined;
  /** The error of the connection, if there was one. */
  readonly cause?: unknown;
}

/**
 * A remote call that took longer than allowed. Code `WX_CLOUD_REQUEST_TIMED_OUT`.
 * @example
 * ```ts
 * import { RequestTimedOutError, type WxCloudStorageService } from 'nestjs-wx-cloud-storage';
 *
 * export async function isStored(
 *   storage: WxCloudStorageService,
 *   fileId: string,
 * ): Promise<boolean | undefined> {
 *   try {
 *     return await storage.exists(fileId, { timeoutMs: 2_000 });
 *   } catch (error) {
 *     if (error instanceof RequestTimedOutError && error.phase === 'total') return undefined;
 *     throw error;
 *   }
 * }
 * ```
 */
export class RequestTimedOutError extends WxCloudStorageError {
  /** The time limit that was reached. */
  readonly phase: WxCloudTimeoutPhase;

  /** Creates the error for one endpoint and phase. */
  constructor(parts: RequestTimedOutParts) {
    super({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
      message: `${parts.endpoint}: ${describe(parts)}`,
      // These limits cover every attempt, so no time is left for another.
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
 * The type found in a file's first bytes is not an accepted one, or differs from the type the file
 * was stored with. Code `WX_CLOUD_TYPE_REFUSED`.
 * @example
 * ```ts
 * import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
 * import { TypeRefusedError } from 'nestjs-wx-cloud-storage';
 *
 * @Catch(TypeRefusedError)
 * export class TypeRefusedFilter implements ExceptionFilter<TypeRefusedError> {
 *   catch(error: TypeRefusedError, host: ArgumentsHost): void {
 *     const response = host.switchToHttp().getResponse();
 *     response.status(415).json({ found: error.detectedType, accepted: error.accepted });
 *   }
 * }
 * ```
 */
export class TypeRefusedError extends WxCloudStorageError {
  /** The detected type; undefined when the bytes show none. */
  readonly detectedType: string | undefined;
  /** The accepted types, wildcards included. */
  readonly accepted: readonly string[];

  /**
   * Creates the error from the detected type, and the accepted types or the type the file was
   * stored with.
   */
  constructor(parts: {
    readonly detectedType: string | undefined;
    readonly accepted: readonly string[];
    /**
     * The type the file was stored with, if that is the mismatch; a description if there is no
     * type.
     */
    readonly storedAs?: string;
    /**
     * The file, as part of a sentence.
     * @defaultValue file
     */
    readonly subject?: string;
    /**
     * True for a file without content.
     * @defaultValue false
     */
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
interface UploadRejectedErrorParts {
  /** The HTTP status of the response of COS. */
  readonly upstreamStatus: number;
  /** The `<Code>` of COS's error document, if there was one. */
  readonly cosCode: string | undefined;
  /** The path that the object would have had. */
  readonly cloudPath: string;
  /** Description of the response; masked. */
  readonly response: string;
  /** True when a retry with a fresh link may succeed. */
  readonly retryable: boolean;
  /** `x-cos-request-id` or the document's `<RequestId>`. */
  readonly requestId: string | undefined;
  /**
   * The operation.
   * @defaultValue POST object
   */
  readonly endpoint?: string | undefined;
  /**
   * The remedy.
   * @defaultValue that of `cosCode`, for a form
   */
  readonly advice?: string | undefined;
}

/**
 * COS did not confirm that the object was stored. Code `WX_CLOUD_UPLOAD_REJECTED`.
 * @example
 * ```ts
 * import { UploadRejectedError, type WxCloudStorageService } from 'nestjs-wx-cloud-storage';
 *
 * export async function backUp(storage: WxCloudStorageService, body: Buffer): Promise<void> {
 *   try {
 *     await storage.upload('backups/latest.bin', body);
 *   } catch (error) {
 *     if (error instanceof UploadRejectedError) {
 *       console.error(`${error.cloudPath}: ${error.cosCode ?? error.upstreamStatus}`);
 *     }
 *     throw error;
 *   }
 * }
 * ```
 */
export class UploadRejectedError extends WxCloudStorageError {
  /**
   * The `<Code>` of COS's error document, e.g. `SlowDown`.
   * @see https://cloud.tencent.com/document/api/436/7730
   */
  declare readonly cosCode?: string;
  /** The path that the object would have had. */
  readonly cloudPath: string;

  /** Creates the error from the response of COS. */
  constructor(parts: UploadRejectedErrorParts) {
    super({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
      message: `Uploading "${parts.cloudPath}" failed: COS returned ${parts.response}. ${adviceFor(parts)}`,
      retryable: parts.retryable,
      upstreamStatus: parts.upstreamStatus,
      requestId: parts.requestId,
      endpoint: parts.endpoint ?? 'POST object',
    });
    if (parts.cosCode !== undefined) this.cosCode = parts.cosCode;
    this.cloudPath = parts.cloudPath;
  }
}

function adviceFor({ cosCode, retryable, advice }: UploadRejectedErrorParts): string {
  if (retryable) return 'Try again later.';
  return (
    advice ?? ADVICE.get(cosCode) ?? 'Quote the request ID to Tencent Cloud support if it persists.'
  );
}
