import {
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerResponse,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http';
import { WxCloudStorageError } from '../../errors/errors.js';
import type { WxCloudCallOptions } from '../../operations/operation-registry.js';
import type { WxCloudDownloadUrlOptions } from '../../storage/call-options.js';
import type { Disposition } from './content-headers.js';

/** The part of Fastify's reply that is used. */
interface HijackableReply {
  /** Node's response. */
  readonly raw: ServerResponse;
  /** Leaves the response to the caller. */
  hijack(): unknown;
  /** Returns the headers that hooks and plugins have set, which Node's response does not have. */
  getHeaders(): OutgoingHttpHeaders;
  /** Removes one of these headers. */
  removeHeader?(name: string): unknown;
}

/** The response of an adapter as `@Res()` injects it: Express' response, or Fastify's reply. */
export type WxCloudServedResponse = ServerResponse | HijackableReply;

/**
 * Takes Node's response over from an adapter, and sets status and headers; the adapter sends
 * nothing from then on. Undefined headers are left out. All checks come first, so that an error can
 * still be sent as a response.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID` when a header is invalid, or
 * another response has begun
 */
export function takeOver(
  target: WxCloudServedResponse,
  status: number,
  headers: OutgoingHttpHeaders,
): ServerResponse {
  const raw = rawOf(target);
  const reply = isReply(target) ? target : undefined;
  const all = Object.entries({ ...reply?.getHeaders(), ...headers });
  const sent = all.filter(([, value]) => value !== undefined);
  for (const [name, value] of sent) {
    const problem = findHeaderProblem(name, value);
    if (problem === undefined) continue;
    // Otherwise Fastify would fail on it again when it sends the error.
    reply?.removeHeader?.(name);
    throw problem;
  }
  if (raw.headersSent) throw alreadyResponded();
  reply?.hijack();
  raw.statusCode = status;
  for (const [name, value] of sent) raw.setHeader(name, value ?? '');
  return raw;
}

/** Returns Node's response without taking it over. */
export function rawOf(target: WxCloudServedResponse): ServerResponse {
  return isReply(target) ? target.raw : target;
}

function isReply(target: WxCloudServedResponse): target is HijackableReply {
  return 'raw' in target && 'hijack' in target;
}

function findHeaderProblem(name: string, value: unknown): WxCloudStorageError | undefined {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, String(value));
    return undefined;
  } catch (error) {
    return new WxCloudStorageError({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
      message: `serve: the header "${name}" is invalid. Check the values it is built from.`,
      cause: error,
    });
  }
}

function alreadyResponded(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      'serve: a response has already been sent. Call serve once, with @Res() without passthrough, and send nothing else.',
  });
}

/** Options for the presentation of a file. */
export interface WxCloudServedFileOptions extends WxCloudCallOptions {
  /**
   * The name under which a browser saves the file, in any language; the last part of a path.
   * @defaultValue none: the browser chooses one
   */
  readonly fileName?: string | undefined;
  /**
   * The treatment by a browser: shown or saved. Use `inline` only for content that you know: a page
   * or an SVG from a stranger would run in your origin. Therefore all types but those below are
   * shown without scripts, and a `StreamableFile` of them is always saved.
   * @defaultValue `inline` for raster images, audio, video, plain text and PDF, else `attachment`
   */
  readonly disposition?: Disposition | undefined;
  /**
   * The media type. Only types that cannot run scripts in your origin are sent; others are sent as
   * `application/octet-stream`, or unchanged in a sandbox when `disposition` is `inline`. Plain
   * text is sent as UTF-8 unless the type says GBK, GB18030 or Big5.
   * @defaultValue the type that the file was stored with
   */
  readonly contentType?: string | undefined;
}

/** The part of a request that the response depends on. */
export interface WxCloudServedRequest {
  /** `GET` or `HEAD`. */
  readonly method: string;
  /** The headers, by lower-case name. */
  readonly headers: IncomingHttpHeaders;
}

/** Options for the response to a request for a file. */
export interface WxCloudServeOptions extends WxCloudServedFileOptions {
  /** The request, as `@Req()` injects it. */
  readonly request: WxCloudServedRequest;
  /** The response, as `@Res()` injects it. */
  readonly response: WxCloudServedResponse;
  /**
   * The `Cache-Control` of the response.
   * @defaultValue `private, no-cache`: cached, and revalidated with its ETag
   */
  readonly cacheControl?: string | undefined;
  /**
   * Redirects (302) to a temporary link, so that the bytes do not pass through the application;
   * name and disposition are then those of the storage.
   * @defaultValue false
   */
  readonly redirect?:
    boolean | Pick<WxCloudDownloadUrlOptions, 'maxAgeSeconds' | 'imageRules'> | undefined;
}

/**
 * Checks the options before anything is fetched.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`
 */
export function assertServedFileOptions(
  options: WxCloudServedFileOptions & Partial<WxCloudServeOptions>,
): void {
  for (const name of ['fileName', 'contentType', 'cacheControl'] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'string') throw invalid(`${name} must be a string`);
  }
  if (/[^\t\x20-\x7e]/.test(options.cacheControl ?? '')) {
    throw invalid('cacheControl must be a header value such as "private, max-age=60"');
  }
  const { disposition } = options;
  if (disposition === undefined || disposition === 'inline' || disposition === 'attachment') return;
  throw invalid('disposition must be "inline" or "attachment"');
}

function invalid(problem: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: `serve: ${problem}. Leave it out for the default.`,
  });
}
