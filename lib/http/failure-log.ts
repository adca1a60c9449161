import { HttpException, Logger, type LoggerService } from '@nestjs/common';
import { innerError, isError, redact, WxCloudStorageError } from '../errors/index.js';
import { LOG_CONTEXT } from '../diagnostics/index.js';
import { elapsedMs } from '../transport/index.js';
import { toHttpException } from './http-exception.js';
import { rawRequestOf } from './request-origin.js';
import { RequestNote } from './request-note.js';

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
const notedLine = new RequestNote<true>('failureLogged');

/**
 * Tells the operator of an error of this package that is answered with 5xx, once for each request.
 * One that tells of a client that has left is no failure of the server, whatever it is answered
 * with.
 */
export function logFailure(error: unknown, answer: unknown, request?: object): void {
  if (!(error instanceof WxCloudStorageError) || !(answer instanceof HttpException)) return;
  if (answer.getStatus() < 500 || error.code === 'WX_CLOUD_REQUEST_ABORTED') return;
  if (request !== undefined) {
    const raw = rawRequestOf(request);
    if (notedLine.read(raw) === true) return;
    notedLine.write(raw, true);
  }
  failures.write(error, answer.getStatus(), request);
}

/**
 * Like {@link toHttpException}, for an error that a request of ours is answered with: a 5xx is
 * logged.
 */
export function toLoggedException(error: unknown, request?: object): unknown {
  const answer = toHttpException(error);
  logFailure(error, answer, request);
  return answer;
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
