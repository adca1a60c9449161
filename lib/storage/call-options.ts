import type { ComingBody } from '../body/coming-body.js';
import type { UploadBody } from '../body/upload-body.js';
import type { OpenEvent, RareWarnings, WxCloudUploadEvent } from '../diagnostics.js';
import { toSafeCause } from '../errors/redaction.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import type { UploadLink } from '../wechat/endpoints.js';
import type { ObjectProperties } from './object-properties.js';

/** Options for a temporary link. */
export interface WxCloudDownloadUrlOptions extends WxCloudCallOptions {
  /**
   * Lifetime of the link in seconds, from 1 to 86400. Links to publicly readable files do not
   * expire.
   * @defaultValue `links.maxAgeSeconds`
   */
  readonly maxAgeSeconds?: number | undefined;
  /**
   * Image processing rules of Tencent Cloud, e.g. `imageMogr2/thumbnail/640x`: the link returns the
   * processed image. The rules are part of the link as given; its signature stays valid. The
   * environment needs the image processing extension.
   * @defaultValue none
   * @see https://cloud.tencent.com/document/product/876/49182
   */
  readonly imageRules?: string | undefined;
}

/** A range of bytes of a file. */
export interface WxCloudByteRange {
  /**
   * The first byte, from 0.
   * @defaultValue 0
   */
  readonly start?: number | undefined;
  /**
   * The last byte, inclusive. A value beyond the end of the file means the end.
   * @defaultValue the end of the file
   */
  readonly end?: number | undefined;
}

/** Progress of a transfer. */
export interface WxCloudTransferProgress {
  /** Number of bytes transferred so far. */
  readonly transferredBytes: number;
  /** Total number of bytes. */
  readonly totalBytes: number;
}

/** Progress option of a transfer. */
export interface ProgressOptions {
  /**
   * Called for every chunk of about 64 KiB, from the first to the last one: keep it fast. A
   * repeated upload starts from 0 again. The first error that it throws is logged.
   * @defaultValue none
   */
  readonly onProgress?: ((progress: WxCloudTransferProgress) => void) | undefined;
}

/** Options for a download into a local file. */
export interface WxCloudDownloadFileOptions extends WxCloudCallOptions, ProgressOptions {
  /**
   * True to compare the MD5 of the downloaded bytes with the ETag, and to fail the download when
   * they differ. Needs the whole file, and an ETag that is an MD5, as that of every file uploaded
   * in one request.
   * @defaultValue false
   */
  readonly verifyEtag?: boolean | undefined;
}

/** Options for a download. */
export interface WxCloudDownloadOptions extends WxCloudDownloadFileOptions {
  /**
   * The range to download.
   * @defaultValue the whole file
   */
  readonly range?: WxCloudByteRange | undefined;
}

/** Options for a download into memory. */
export interface WxCloudDownloadBufferOptions extends WxCloudDownloadOptions {
  /**
   * Maximum size of the file in bytes. A larger file is refused before it is read, and so is one
   * that is too large for a buffer.
   * @defaultValue 104857600 (100 MiB)
   */
  readonly maxBytes?: number | undefined;
}

/** The condition and the owner of an upload. Both need the option `cos`. */
export interface UploadConditions {
  /**
   * True stores the file only if its path has none, and rejects with `WX_CLOUD_FILE_EXISTS`
   * otherwise. Later uploads may replace the file. A bucket that keeps versions ignores the
   * condition: the upload then rejects with `WX_CLOUD_UNSUPPORTED`. If a response is lost and the
   * repeated request finds a file, it may come from this upload, and is reported to `onOrphan`.
   * @defaultValue false
   */
  readonly createOnly?: boolean | undefined;
  /**
   * The OpenID of the user who owns the file: the user may change it from the mini program, and
   * `ownerOf` returns it. Needs the keys of the container.
   * @defaultValue none: a file of the application
   */
  readonly openid?: string | undefined;
}

/**
 * Options for the upload of a local file. Those that are stored with the file, `createOnly` and
 * `openid` need the option `cos`.
 */
export interface WxCloudUploadFileOptions
  extends WxCloudCallOptions, ProgressOptions, ObjectProperties, UploadConditions {
  /**
   * The media type of the object.
   * @defaultValue detected from the first bytes, else `application/octet-stream`
   */
  readonly contentType?: string | undefined;
  /**
   * True guarantees that only this upload ever stores an object at its path, e.g. as the path holds
   * a random ID made for it. The object may then be deleted when the upload fails after it may have
   * been stored.
   * @defaultValue false: such an object is kept and reported to `onOrphan`
   */
  readonly uniquePath?: boolean | undefined;
}

/**
 * Options for the upload of a body. Those that are stored with the file, `createOnly` and `openid`
 * need the option `cos`.
 */
export interface WxCloudUploadBodyOptions
  extends
    WxCloudCallOptions,
    ProgressOptions,
    ObjectProperties,
    UploadConditions,
    Pick<WxCloudUploadFileOptions, 'uniquePath'> {
  /**
   * The media type of the object.
   * @defaultValue detected from the first bytes, else a Blob's own type, `text/plain` for a string,
   * `application/octet-stream`
   */
  readonly contentType?: string | undefined;
  /**
   * Size of a stream in bytes, if known. The stream is then sent directly, without being kept, and
   * a failed upload cannot be repeated.
   * @defaultValue unknown: a stream is kept until its end
   */
  readonly size?: number | undefined;
}

/** A stored object. */
export interface WxCloudStoredFile {
  /** `cloud://env.bucket/path`: keep it, and pass it to mini programs. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /** Number of stored bytes. */
  readonly size: number;
  /** The media type of the object. */
  readonly contentType: string;
  /** The ETag that COS returned, without quotes: the MD5 of the content. */
  readonly etag: string;
}

/** An upload that begins before its content has arrived. */
interface AheadUpload {
  /** The content, sent while it arrives. */
  readonly body: ComingBody;
  /**
   * Waits for all of the content, and returns it as it was kept, with the path for it. Can be
   * called again.
   */
  complete(): Promise<Pick<UploadObjectCall, 'body' | 'cloudPath' | 'isPathUnique'>>;
}

/** One upload. */
export interface UploadObjectCall {
  /** The path; valid. */
  readonly cloudPath: string;
  /** The content; the opener of its source disposes of it. */
  readonly body: UploadBody;
  /** Its media type. */
  readonly contentType: string;
  /** True when only this upload can store at the path, e.g. at a random one. */
  readonly isPathUnique: boolean;
  /**
   * The signed file ID for a request to the bucket, where it was asked for before.
   * @defaultValue none: it is asked for
   */
  readonly metaId?: Promise<string> | undefined;
  /**
   * Properties that only a request to the bucket can store; there is no other way for such a file.
   * @defaultValue none
   */
  readonly properties?:
    | {
        /** Further headers of the object, e.g. `cache-control` and `x-cos-forbid-overwrite`. */
        readonly headers: Readonly<Record<string, string>>;
        /** The owner that is signed into the file ID; empty for the application itself. */
        readonly openid: string;
      }
    | undefined;
  /**
   * Receives the progress of the transfer to the storage; each attempt starts from 0.
   * @defaultValue none
   */
  readonly onProgress?: ProgressOptions['onProgress'];
  /**
   * Content that is still arriving. `body` and the path are those that were predicted.
   * @defaultValue none: `body` is complete
   */
  readonly ahead?: AheadUpload | undefined;
  /**
   * The link that was asked for before; undefined for another path, or when it is too old.
   * @defaultValue none
   */
  readonly earlyLink?: { linkFor(cloudPath: string): Promise<UploadLink> | undefined } | undefined;
  /**
   * The event of the upload, which receives its outcome.
   * @defaultValue none: the upload is not traced
   */
  readonly event?: UploadEvent | undefined;
  /** Ends the upload. */
  readonly signal: AbortSignal;
}

/** The event of an upload that runs. */
export type UploadEvent = OpenEvent<WxCloudUploadEvent>;

/**
 * Returns a function that reports the number of transferred bytes. Errors of the listener are
 * logged, once a minute for all transfers.
 */
export function reportProgress(
  warnings: RareWarnings,
  onProgress: ProgressOptions['onProgress'],
  totalBytes: number,
): (transferredBytes: number) => void {
  if (onProgress === undefined) return () => {};
  return transferredBytes => {
    try {
      onProgress({ transferredBytes, totalBytes });
    } catch (error) {
      warnings.warn(
        'onProgress',
        `onProgress failed: ${toSafeCause(error).message}. The transfer goes on. Make sure that the function works.`,
      );
    }
  };
}

/**
 * Returns a function that counts the bytes of one attempt and reports them, from 0 on. The last
 * bytes are for the caller to report, once the storage has confirmed them.
 */
export function countAttempt(
  report: ((transferredBytes: number) => void) | undefined,
  sizeOf: () => number,
): ((count: number) => void) | undefined {
  if (report === undefined) return undefined;
  let sent = 0;
  report(0);
  return count => {
    sent += count;
    if (sent < sizeOf()) report(sent);
  };
}
