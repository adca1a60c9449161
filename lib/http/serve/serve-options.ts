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
  /** Leaves the answer to whoever calls it. */
  hijack(): unknown;
  /** What hooks and plug-ins have set, which Node's response does not know of. */
  getHeaders(): OutgoingHttpHeaders;
  /** Takes one of them back. */
  removeHeader?(name: string): unknown;
}

/**
 * The response of an adapter as a handler gets it from `@Res()`: Express' response, or Fastify's
 * reply.
 */
export type WxCloudServedResponse = ServerResponse | HijackableReply;

/**
 * Takes Node's response over from an adapter, with the head of the answer set; from then on nobody
 * else answers. All that can be wrong with the head is found before that, so that an error still
 * gets an answer of its own.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID` when the head cannot be sent, or
 * another answer has begun
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
    // Fastify would fail at it again when it answers with the error.
    reply?.removeHeader?.(name);
    throw problem;
  }
  if (raw.headersSent) throw answered();
  reply?.hijack();
  raw.statusCode = status;
  for (const [name, value] of sent) raw.setHeader(name, value ?? '');
  return raw;
}

/** Node's response, not handed over yet. */
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
      message: `serve: the header "${name}" holds what no header may. Check what it is made from.`,
      cause: error,
    });
  }
}

function answered(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      'serve: the request has been answered already. Call serve once, with @Res() without passthrough, and answer nothing else.',
  });
}

/** How a file is presented. */
export interface WxCloudServedFileOptions extends WxCloudCallOptions {
  /**
   * The name that a browser saves it under, in any language; of a path, the last part.
   * @defaultValue none: the browser makes one up
   */
  readonly fileName?: string | undefined;
  /**
   * True when a browser shows the file or saves it. Only give `inline` when you know what is in it:
   * a page or an SVG of a stranger would run in your origin, so all but the types below are shown
   * without scripts even then, and a `StreamableFile` of them is always saved.
   * @defaultValue `inline` for raster images, audio, video, plain text and PDF, else `attachment`
   */
  readonly disposition?: Disposition | undefined;
  /**
   * The media type. It is written anew, from a list of types that cannot run scripts in your
   * origin; others are sent as `application/octet-stream`, or as what they are in a sandbox when
   * `disposition` is `inline`. Plain text is sent as UTF-8 unless the type says GBK, GB18030 or
   * Big5.
   * @defaultValue the one that the file was stored with
   */
  readonly contentType?: string | undefined;
}

/** The part of a request that says how it wants to be answered. */
export interface WxCloudServedRequest {
  /** `GET` or `HEAD`. */
  readonly method: string;
  /** The headers, by their names in lower case. */
  readonly headers: IncomingHttpHeaders;
}

/** How a request is answered with a file. */
export interface WxCloudServeOptions extends WxCloudServedFileOptions {
  /** The request, as `@Req()` gives it. */
  readonly request: WxCloudServedRequest;
  /** The response, as `@Res()` gives it. */
  readonly response: WxCloudServedResponse;
  /**
   * The `Cache-Control` of the answer.
   * @defaultValue `private, no-cache`: kept, and asked for again with its ETag
   */
  readonly cacheControl?: string | undefined;
  /**
   * Responds with 302 to a temporary link in place of the bytes, which then do not pass through the
   * application; name and disposition are the storage's. @defaultValue false
   */
  readonly redirect?:
    boolean | Pick<WxCloudDownloadUrlOptions, 'maxAgeSeconds' | 'imageRules'> | undefined;
}

/**
 * Makes sure that a file can be presented so, before anything is asked for.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`
 */
export function assertServedFileOptions(
  options: WxCloudServedFileOptions & Partial<WxCloudServeOptions>,
): void {
  for (const name of ['fileName', 'contentType', 'cacheControl'] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'string') throw invalid(`${name} must be a text`);
  }
  if (/[^\t\x20-\x7e]/.test(options.cacheControl ?? '')) {
    throw invalid('cacheControl must be a header such as "private, max-age=60"');
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
