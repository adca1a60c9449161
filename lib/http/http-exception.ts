import {
  type ArgumentsHost,
  Catch,
  HttpException,
  HttpStatus,
  Logger,
  type LoggerService,
} from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { type Observable, throwError } from 'rxjs';
import { LOG_CONTEXT } from '../diagnostics.js';
import {
  messageWithoutLink,
  WxCloudStorageError,
  type WxCloudStorageErrorCode,
} from '../errors/errors.js';
import { innerError, isError, redact, stackOf, toSafeCause } from '../errors/redaction.js';
import { elapsedMs } from '../operations/deadline.js';
import { rawRequestOf, RequestProperty } from './request-origin.js';

/**
 * The maximum number of log lines for one code and route in a window; clients control how often a
 * request fails.
 */
const LINES_PER_WINDOW = 10;
const WINDOW_MS = 60_000;

const MAX_METHOD = 20;
const MAX_PATH = 200;
const MAX_MESSAGE = 1_000;
const MAX_STACK = 16_384;
const DEEPEST_CAUSE = 4;

/** Fields that tell apart failures with the same code, for operators and support. */
const FIELDS = ['errcode', 'cosCode', 'upstreamStatus', 'phase', 'requestId'] as const;

/** Control and format characters, which could forge log lines or reverse the text around them. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;
/** The same, for multi-line texts. */
const UNSAFE_IN_LINES = /[^\P{Cc}\n\t]|[\p{Cf}\p{Zl}\p{Zp}]/gu;

const UPSTREAM_FAILED = 'The cloud storage could not complete the request.';
const UNAVAILABLE = 'The cloud storage is currently unavailable.';

/**
 * The HTTP status and the client message of each error code: texts from upstream are not for
 * clients. Without a message here, the error's own describes the client's input, and is sent.
 */
export const HTTP_RESPONSES: Readonly<
  Record<WxCloudStorageErrorCode, { readonly status: HttpStatus; readonly message?: string }>
> = {
  WX_CLOUD_OPTIONS_INVALID: { status: 500, message: 'The server is not configured for uploads.' },
  WX_CLOUD_ARGUMENT_INVALID: {
    status: 500,
    message: 'The server used the cloud storage incorrectly.',
  },
  WX_CLOUD_FILE_ID_INVALID: { status: 400 },
  WX_CLOUD_PATH_INVALID: { status: 400 },
  WX_CLOUD_FORM_INVALID: { status: 400 },
  WX_CLOUD_FILE_REQUIRED: { status: 400 },
  WX_CLOUD_FILE_TOO_LARGE: { status: 413 },
  WX_CLOUD_TYPE_REFUSED: { status: 415 },
  WX_CLOUD_TICKET_REFUSED: { status: 400 },
  WX_CLOUD_SIZE_MISMATCHED: { status: 400 },
  WX_CLOUD_BODY_FAILED: { status: 400, message: 'The upload could not be read completely.' },
  WX_CLOUD_BODY_STALLED: { status: 408, message: 'The upload stalled.' },
  WX_CLOUD_SPOOL_FAILED: { status: 507, message: 'The server has no space for the upload.' },
  WX_CLOUD_CAPACITY_EXCEEDED: {
    status: 503,
    message: 'The server has too many uploads in progress.',
  },
  WX_CLOUD_FILE_NOT_FOUND: { status: 404, message: 'The file does not exist.' },
  WX_CLOUD_FILE_EXISTS: { status: 409, message: 'The file exists already.' },
  WX_CLOUD_INSTANCE_NOT_FOUND: { status: 404, message: 'The storage does not exist.' },
  WX_CLOUD_PENDING_LOST: { status: 503, message: 'The upload took too long. Send it again.' },
  WX_CLOUD_RANGE_UNSATISFIABLE: {
    status: 416,
    message: 'The file does not have the requested range.',
  },
  WX_CLOUD_TOKEN_REJECTED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_CREDENTIAL_REFUSED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_CREDENTIAL_UNAVAILABLE: { status: 503, message: UNAVAILABLE },
  WX_CLOUD_QUOTA_EXCEEDED: { status: 503, message: UNAVAILABLE },
  WX_CLOUD_API_FAILED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_UNSUPPORTED: { status: 501, message: 'The server is not configured for this.' },
  WX_CLOUD_UPLOAD_REJECTED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_UPLOAD_INCOMPLETE: { status: 500, message: 'The server could not store the file.' },
  WX_CLOUD_DOWNLOAD_FAILED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_RESPONSE_MALFORMED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_CONNECTION_FAILED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_REQUEST_TIMED_OUT: { status: 504, message: 'The cloud storage took too long.' },
  WX_CLOUD_REQUEST_ABORTED: { status: 400, message: 'The request was aborted.' },
  WX_CLOUD_STORAGE_CLOSED: { status: 503, message: UNAVAILABLE },
};

/** The failures of one code and route within a window. */
interface Window {
  startMs: number;
  count: number;
}

/**
 * Logs failed requests, with a number of lines that no client can exceed: 10 a minute for each code
 * and route. It needs no timer: the next line reports how many were left out.
 */
export class FailureLog {
  readonly #logger: Pick<LoggerService, 'error' | 'debug'>;
  readonly #nowMs: () => number;
  /**
   * Keyed by code and route pattern, which come from the application; never by a path that a client
   * chose.
   */
  readonly #windows = new Map<string, Window>();

  constructor(logger: Pick<LoggerService, 'error' | 'debug'>, nowMs: () => number = elapsedMs) {
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  /** Writes one error line, and the stack at debug level. */
  write(error: WxCloudStorageError, status: number, request?: object): void {
    const note = this.#count(error.code, request);
    if (note === undefined) return;
    const place = request === undefined ? '' : `${describeRequest(request)}: `;
    const message = toLine(error.message, MAX_MESSAGE);
    this.#logger.error(
      `${place}${status} ${error.code}: ${message}${describeFields(error)}${note}`,
    );
    this.#logger.debug?.(describeStacks(error));
  }

  /** Writes one error line about an error that is not of this package, with its stack. */
  writeUnsent(error: unknown, request: object): void {
    const note = this.#count('unsent', request);
    if (note === undefined) return;
    this.#logger.error(
      `${describeRequest(request)}: 500: a response that waited for its files could not be sent. See the stack for the middleware or interceptor that fails.${note}`,
      describeStacks(toSafeCause(error)),
    );
  }

  /** Returns the end of the line; undefined when no line is to be written. */
  #count(kind: string, request: object | undefined): string | undefined {
    const key = `${kind} ${(request && routeOf(request)) ?? ''}`;
    const nowMs = this.#nowMs();
    const known = this.#windows.get(key);
    if (known === undefined || nowMs - known.startMs >= WINDOW_MS) {
      this.#windows.set(key, { startMs: nowMs, count: 1 });
      const leftOut = (known?.count ?? 0) - LINES_PER_WINDOW;
      return leftOut > 0 ? ` (${leftOut} similar lines left out since the previous line)` : '';
    }
    known.count += 1;
    if (known.count > LINES_PER_WINDOW) return undefined;
    return known.count < LINES_PER_WINDOW ? '' : ' (further lines in this minute are left out)';
  }
}

const failures = new FailureLog(new Logger(LOG_CONTEXT));
const loggedProperty = new RequestProperty<true>('failureLogged');

/**
 * Logs an error of this package that is sent to a client as 5xx, once per request. The abort by a
 * client is not a failure of the server, whatever its status.
 */
export function logFailure(error: unknown, response: unknown, request?: object): void {
  if (!(error instanceof WxCloudStorageError) || !(response instanceof HttpException)) return;
  if (response.getStatus() < 500 || error.code === 'WX_CLOUD_REQUEST_ABORTED') return;
  if (request !== undefined) {
    const raw = rawRequestOf(request);
    if (loggedProperty.read(raw) === true) return;
    loggedProperty.write(raw, true);
  }
  failures.write(error, response.getStatus(), request);
}

/**
 * Logs the failure of a response that waited for its files, where the error is not of this package.
 */
export function logUnsent(error: unknown, request: object): void {
  failures.writeUnsent(error, request);
}

/** Converts an error like {@link toHttpException}, and logs it if it is a 5xx. */
export function toLoggedException(error: unknown, request?: object): unknown {
  const response = toHttpException(error);
  logFailure(error, response, request);
  return response;
}

/** The part of both adapters' requests that leads to the route. */
interface RoutedRequest {
  /** The original URL, where a middleware has changed `url`. */
  readonly originalUrl?: string;
  /** Set by Express. */
  readonly route?: { readonly path?: unknown };
  /** Set by Fastify. */
  readonly routeOptions?: { readonly url?: unknown };
}

/**
 * Returns the pattern of the route, such as `/users/:id/photo`; undefined when the adapter does not
 * provide it.
 */
function routeOf(request: object): string | undefined {
  const { route, routeOptions }: RoutedRequest = request;
  const pattern = routeOptions?.url ?? route?.path;
  return typeof pattern === 'string' ? pattern : undefined;
}

/**
 * Leaves out the query, which may contain what must not be logged, and shortens the path, which is
 * a client's text.
 */
function describeRequest(request: object): string {
  const { method = '', url = '' } = rawRequestOf(request);
  const { originalUrl = url }: RoutedRequest = request;
  const [path = ''] = originalUrl.split(/[?#]/, 1);
  return `${toLine(method, MAX_METHOD)} ${toLine(routeOf(request) ?? path, MAX_PATH)}`;
}

function describeFields(error: WxCloudStorageError): string {
  const values: { readonly [name in (typeof FIELDS)[number]]?: unknown } = error;
  const present = FIELDS.filter(name => values[name] !== undefined).map(
    name => `${name}=${toLine(String(values[name]), MAX_PATH)}`,
  );
  return present.length === 0 ? '' : ` [${present.join(' ')}]`;
}

/** Returns stacks only: the fields of an application's own error may hold anything. */
function describeStacks(error: Error): string {
  const stacks: string[] = [];
  let next: unknown = error;
  while (isError(next) && stacks.length <= DEEPEST_CAUSE) {
    stacks.push(stackOf(next));
    next = innerError(next);
  }
  const text = redact(stacks.join('\nCaused by: ')).slice(0, MAX_STACK);
  return text.replaceAll(UNSAFE_IN_LINES, '').toWellFormed();
}

function toLine(text: string, maxLength: number): string {
  const line = text
    .slice(0, 2 * maxLength)
    .replaceAll(UNSAFE, ' ')
    .trim();
  return (line.length > maxLength ? `${line.slice(0, maxLength)}…` : line).toWellFormed();
}

/**
 * Converts an error of this package to an `HttpException` whose body has `statusCode`, `message`,
 * `error` and `errorCode`; the error is its cause. Any other value is returned unchanged.
 * @example
 * ```ts
 * import { toHttpException, type WxCloudStorageService } from 'nestjs-wx-cloud-storage';
 *
 * export async function getLink(storage: WxCloudStorageService, fileId: string): Promise<string> {
 *   try {
 *     return await storage.getDownloadUrl(fileId);
 *   } catch (error) {
 *     throw toHttpException(error);
 *   }
 * }
 * ```
 */
export function toHttpException(error: unknown): unknown {
  if (!(error instanceof WxCloudStorageError)) return error;
  const { status, message = messageWithoutLink(error) } = HTTP_RESPONSES[error.code];
  const body = { statusCode: status, message, error: reasonPhrase(status), errorCode: error.code };
  return new HttpException(body, status, { cause: error });
}

function reasonPhrase(status: HttpStatus): string {
  const words = (HttpStatus[status] ?? 'Error').toLowerCase().split('_');
  return words.map(word => word.charAt(0).toUpperCase() + word.slice(1)).join(' ');
}

/**
 * Sends errors of this package that a handler throws, on routes without an interceptor of this
 * package, with the HTTP status of their code, and logs each 5xx. Message handlers, gateways and
 * resolvers get the same message without a status. Register it with `app.useGlobalFilters()` and
 * the HTTP adapter, or as a provider of `APP_FILTER`. Without an adapter it leaves the response to
 * Nest's own filter.
 * @example
 * ```ts
 * import { Module } from '@nestjs/common';
 * import { APP_FILTER } from '@nestjs/core';
 * import { WxCloudExceptionFilter } from 'nestjs-wx-cloud-storage';
 *
 * @Module({ providers: [{ provide: APP_FILTER, useClass: WxCloudExceptionFilter }] })
 * export class AppModule {}
 * ```
 */
@Catch(WxCloudStorageError)
export class WxCloudExceptionFilter extends BaseExceptionFilter {
  /** Called by Nest. */
  override catch(error: WxCloudStorageError, host: ArgumentsHost): Observable<never> | void {
    const type = host.getType<string>();
    const request = type === 'http' ? host.switchToHttp().getRequest<object>() : undefined;
    const response = toLoggedException(error, request);
    if (type === 'http' && this.#hasAdapter()) return super.catch(response, host);
    if (type === 'rpc') return throwError(() => describe(response));
    // Nest's own filter sends it; thrown in a gateway, it would end the process.
    if (type !== 'ws') throw response;
    emitException(host.switchToWs().getClient<Client>(), describe(response));
  }

  /** False when the application called `new WxCloudExceptionFilter()` without an adapter. */
  #hasAdapter(): boolean {
    return this.applicationRef !== undefined || this.httpAdapterHost !== undefined;
  }
}

/** A client of a gateway: a Socket.IO client or a plain WebSocket. */
interface Client {
  readonly readyState?: unknown;
  send?(text: string): unknown;
  emit?(event: string, data: unknown): unknown;
}

/** Uses the format in which Nest reports errors to clients of gateways and microservices. */
function describe(response: unknown): object {
  const { message, errorCode } = (response as HttpException).getResponse() as Record<
    string,
    unknown
  >;
  return { status: 'error', message, errorCode };
}

/** Sends the error to a client. The `emit` of a plain WebSocket reaches only its own listeners. */
function emitException(client: Client, data: object): void {
  if (typeof client.readyState === 'number') {
    client.send?.(JSON.stringify({ event: 'exception', data }));
  } else client.emit?.('exception', data);
}
