import type { IncomingHttpHeaders } from 'node:http';
import { WxCloudStorageError } from '../../errors/index.js';
import type { CallOptions, DownloadUrlOptions } from '../../storage/index.js';
import type { AnswerTarget } from './answer-target.js';
import type { Disposition } from './content-disposition.js';

/** How a file is presented. */
export interface ServedFileOptions extends CallOptions {
  /** The name that a browser saves it under, in any language; of a path, the last part. @defaultValue none: the browser makes one up */
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
export interface ServedRequest {
  /** `GET` or `HEAD`. */
  readonly method: string;
  /** The headers, by their names in lower case. */
  readonly headers: IncomingHttpHeaders;
}

/** How a request is answered with a file. */
export interface ServeOptions extends ServedFileOptions {
  /** The request, as `@Req()` gives it. */
  readonly request: ServedRequest;
  /** The response, as `@Res()` gives it. */
  readonly response: AnswerTarget;
  /** The `Cache-Control` of the answer. @defaultValue `private, no-cache`: kept, and asked for again with its ETag */
  readonly cacheControl?: string | undefined;
  /**
   * Answers 302 to a temporary link in place of the bytes, which then do not pass through the application; name and
   * disposition are the storage's. @defaultValue false
   */
  readonly redirect?:
    boolean | Pick<DownloadUrlOptions, 'maxAgeSeconds' | 'imageRules'> | undefined;
}

/**
 * Makes sure that a file can be presented so, before anything is asked for.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`
 */
export function assertServedFileOptions(options: ServedFileOptions & Partial<ServeOptions>): void {
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
