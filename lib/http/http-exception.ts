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
import { innerError, isError, redact } from '../errors/redaction.js';
import { elapsedMs } from '../operations/deadline.js';
import { rawRequestOf, RequestProperty } from './application-registry.js';

/**
 * So many lines of a code and a route are written in a window; clients decide how often it fails.
 */
const LINES_PER_WINDOW = 10;
const WINDOW_MS = 60_000;

const MAX_METHOD = 20;
const MAX_PATH = 200;
const MAX_MESSAGE = 1_000;
const MAX_STACK = 16_384;
const DEEPEST_CAUSE = 4;

/** The fields that tell one failure of a code from another, for an operator and for support. */
const FIELDS = ['errcode', 'cosCode', 'upstreamStatus', 'phase', 'requestId'] as const;

/**
 * Control and format characters, with which a text could forge lines or reverse what is around it.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;
/** The same, for texts of several lines. */
const UNSAFE_IN_LINES = /[^\P{Cc}\n\t]|[\p{Cf}\p{Zl}\p{Zp}]/gu;

/** What a code is answered with, and in which words; upstream texts are not for clients. */
interface HttpResponseKind {
  readonly status: HttpStatus;
  /** Undefined where our own message is about what the client sent, and so may be shown. */
  readonly message?: string;
}

const UPSTREAM_FAILED = 'The cloud storage could not complete the request.';
const UNAVAILABLE = 'The cloud storage is not available at the moment.';

/** The HTTP status of every code. */
export const HTTP_RESPONSES: Readonly<Record<WxCloudStorageErrorCode, HttpResponseKind>> = {
  WX_CLOUD_OPTIONS_INVALID: { status: 500, message: 'The server is not configured for uploads.' },
  WX_CLOUD_ARGUMENT_INVALID: {
    status: 500,
    message: 'The server used the cloud storage in a wrong way.',
  },
  WX_CLOUD_FILE_ID_INVALID: { status: 400 },
  WX_CLOUD_PATH_INVALID: { status: 400 },
  WX_CLOUD_FORM_INVALID: { status: 400 },
  WX_CLOUD_FILE_REQUIRED: { status: 400 },
  WX_CLOUD_FILE_TOO_LARGE: { status: 413 },
  WX_CLOUD_TYPE_REFUSED: { status: 415 },
  WX_CLOUD_TICKET_REFUSED: { status: 400 },
  WX_CLOUD_SIZE_MISMATCHED: { status: 400 },
  WX_CLOUD_BODY_FAILED: { status: 400, message: 'The upload could not be read to its end.' },
  WX_CLOUD_BODY_STALLED: { status: 408, message: 'The upload did not go on in time.' },
  WX_CLOUD_SPOOL_FAILED: { status: 507, message: 'The server has no room for the upload.' },
  WX_CLOUD_CAPACITY_EXCEEDED: { status: 503, message: 'The server has too many uploads to take.' },
  WX_CLOUD_FILE_NOT_FOUND: { status: 404, message: 'There is no such file.' },
  WX_CLOUD_RANGE_UNSATISFIABLE: { status: 416, message: 'The file has no such part.' },
  WX_CLOUD_TOKEN_REJECTED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_CREDENTIAL_REFUSED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_CREDENTIAL_UNAVAILABLE: { status: 503, message: UNAVAILABLE },
  WX_CLOUD_QUOTA_EXCEEDED: { status: 503, message: UNAVAILABLE },
  WX_CLOUD_API_FAILED: { status: 502, message: UPSTREAM_FAILED },
  WX_CLOUD_UPLOAD_REJECTED: { status: 502, message: UPSTREAM_FAILED },
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
 * Tells the operator of failed requests, in a number of lines that no client can exceed: 10 a
 * minute for each code and route. It needs no timer, as the next line says how many were left out.
 */
export class FailureLog {
  readonly #logger: Pick<LoggerService, 'error' | 'debug'>;
  readonly #nowMs: () => number;
  /** Keyed by code and route, which are the application's; never by a path that a client chose. */
  readonly #windows = new Map<string, Window>();

  constructor(logger: Pick<LoggerService, 'error' | 'debug'>, nowMs: () => number = elapsedMs) {
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  /** Writes one line, and the stack for those who follow closely. */
  write(error: WxCloudStorageError, status: number, request?: object): void {
    const note = this.#count(`${error.code} ${(request && routeOf(request)) ?? ''}`);
    if (note === undefined) return;
    const place = request === undefined ? '' : `${describeRequest(request)}: `;
    const message = toLine(error.message, MAX_MESSAGE);
    this.#logger.error(
      `${place}${status} ${error.code}: ${message}${describeFields(error)}${note}`,
    );
    this.#logger.debug?.(describeStacks(error));
  }

  /** The end of the line; undefined when no line is to be written. */
  #count(key: string): string | undefined {
    const nowMs = this.#nowMs();
    const known = this.#windows.get(key);
    if (known === undefined || nowMs - known.startMs >= WINDOW_MS) {
      this.#windows.set(key, { startMs: nowMs, count: 1 });
      const leftOut = (known?.count ?? 0) - LINES_PER_WINDOW;
      return leftOut > 0 ? ` (${leftOut} more like it since the line before)` : '';
    }
    known.count += 1;
    if (known.count > LINES_PER_WINDOW) return undefined;
    return known.count < LINES_PER_WINDOW ? '' : ' (more of this minute are only counted)';
  }
}

const failures = new FailureLog(new Logger(LOG_CONTEXT));
const loggedProperty = new RequestProperty<true>('failureLogged');

/**
 * Tells the operator of an error of this package that is answered with 5xx, once for each request.
 * One that tells of a client that has left is no failure of the server, whatever it is answered
 * with.
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
 * Like {@link toHttpException}, for an error that a request of ours is answered with: a 5xx is
 * logged.
 */
export function toLoggedException(error: unknown, request?: object): unknown {
  const response = toHttpException(error);
  logFailure(error, response, request);
  return response;
}

/** The part of both adapters' requests that leads to the route. */
interface RoutedRequest {
  /** As it came, where a middleware has changed `url`. */
  readonly originalUrl?: string;
  /** Express'. */
  readonly route?: { readonly path?: unknown };
  /** Fastify's. */
  readonly routeOptions?: { readonly url?: unknown };
}

/**
 * The pattern of the route, such as `/users/:id/photo`; undefined when the adapter does not tell.
 */
function routeOf(request: object): string | undefined {
  const { route, routeOptions }: RoutedRequest = request;
  const pattern = routeOptions?.url ?? route?.path;
  return typeof pattern === 'string' ? pattern : undefined;
}

/** A path is a client's text, and a query may hold what is in no log. */
function describeRequest(request: object): string {
  const { method = '', url = '' } = rawRequestOf(request);
  const { originalUrl = url }: RoutedRequest = request;
  const [path = ''] = originalUrl.split(/[?#]/, 1);
  return `${toLine(method, MAX_METHOD)} ${toLine(routeOf(request) ?? path, MAX_PATH)}`;
}

function describeFields(error: WxCloudStorageError): string {
  const values: { readonly [name in (typeof FIELDS)[number]]?: unknown } = error;
  const told = FIELDS.filter(name => values[name] !== undefined).map(
    name => `${name}=${toLine(String(values[name]), MAX_PATH)}`,
  );
  return told.length === 0 ? '' : ` [${told.join(' ')}]`;
}

/** Stacks only: the fields of an application's own error may hold anything. */
function describeStacks(error: Error): string {
  const stacks: string[] = [];
  let next: unknown = error;
  while (isError(next) && stacks.length <= DEEPEST_CAUSE) {
    stacks.push(next.stack ?? `${next.name}: ${next.message}`);
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
 * Turns an error of this package into an `HttpException` whose body holds `statusCode`, `message`,
 * `error` and `errorCode`; the error itself is its cause. Anything else is passed back as it is.
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
 * Responds to errors of this package that a handler lets through, on routes without one of its
 * interceptors, with the status of their code, and logs those that are a 5xx. Message handlers,
 * gateways and resolvers are answered with the same text, and no status. Use it as
 * `app.useGlobalFilters(new WxCloudExceptionFilter(app.getHttpAdapter()))`, or as a provider of
 * `APP_FILTER`. Without an adapter it leaves the answer to Nest's own filter.
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
    // Nest's own filter answers it; thrown in a gateway, it would end the process.
    if (type !== 'ws') throw response;
    emitException(host.switchToWs().getClient<Client>(), describe(response));
  }

  /** False for one that the application made as `new WxCloudExceptionFilter()`. */
  #hasAdapter(): boolean {
    return this.applicationRef !== undefined || this.httpAdapterHost !== undefined;
  }
}

/** A client of a gateway: that of Socket.IO, or a plain WebSocket. */
interface Client {
  readonly readyState?: unknown;
  send?(text: string): unknown;
  emit?(event: string, data: unknown): unknown;
}

/** As Nest itself tells clients of gateways and of microservices that something has failed. */
function describe(response: unknown): object {
  const { message, errorCode } = (response as HttpException).getResponse() as Record<
    string,
    unknown
  >;
  return { status: 'error', message, errorCode };
}

/** The `emit` of a plain WebSocket reaches its own listeners only. */
function emitException(client: Client, data: object): void {
  if (typeof client.readyState === 'number') {
    client.send?.(JSON.stringify({ event: 'exception', data }));
  } else client.emit?.('exception', data);
}
