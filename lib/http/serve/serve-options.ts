import type { IncomingHttpHeaders } from 'node:http';
import type { CallOptions, DownloadUrlOptions } from '../../storage/index.js';
import type { AnswerTarget } from './answer-target.js';
import type { Disposition } from './content-disposition.js';

/** How a file is presented. */
export interface ServedFileOptions extends CallOptions {
  /** The name that a browser saves it under, in any language; of a path, the last part. @defaultValue none: the browser makes one up */
  readonly fileName?: string | undefined;
  /**
   * Whether a browser shows the file or saves it. Only give `inline` when you know what is in it: a page or an SVG of a
   * stranger would run in your origin, so those are shown without scripts even then, and a `StreamableFile` of them is
   * always saved. @defaultValue `inline` for images
   * (but SVG), audio, video, plain text and PDF, else `attachment`
   */
  readonly disposition?: Disposition | undefined;
  /** The media type. @defaultValue the one that the file was stored with */
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
