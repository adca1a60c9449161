import type { UploadBody } from '../body/upload-body.js';
import type { StorageLogger } from '../diagnostics.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';

/** What a link is asked for with. */
export interface WxCloudDownloadUrlOptions extends WxCloudCallOptions {
  /**
   * The life of the link in seconds, from 1 to 86400; files that everybody may read get links
   * without end.
   * @defaultValue `links.maxAgeSeconds`
   */
  readonly maxAgeSeconds?: number | undefined;
  /**
   * Rules of Tencent Cloud's image processing, e.g. `imageMogr2/thumbnail/640x`: whoever opens the
   * link gets the processed image. They stand in the link as they are; its signature stays good.
   * The environment needs the image processing extension. @defaultValue none
   * @see https://cloud.tencent.com/document/product/876/49182
   */
  readonly imageRules?: string | undefined;
}

/** A part of a file, by its bytes. */
export interface WxCloudByteRange {
  /** The first byte, from 0. @defaultValue 0 */
  readonly start?: number | undefined;
  /**
   * The last byte, included. One beyond the end of the file means its end.
   * @defaultValue the end of the file
   */
  readonly end?: number | undefined;
}

/** How far a transfer has got. */
export interface WxCloudTransferProgress {
  /** How many bytes were handed over so far. */
  readonly transferredBytes: number;
  /** How many there are in all. */
  readonly totalBytes: number;
}

/** What reports a transfer. */
export interface ProgressOptions {
  /**
   * Called for every piece, some 64 KiB apart, from the first to the last one: keep it short. An
   * upload that is repeated starts from 0 again. What it throws is logged, once. @defaultValue none
   */
  readonly onProgress?: ((progress: WxCloudTransferProgress) => void) | undefined;
}

/** What a download into a local file takes. */
export interface WxCloudDownloadFileOptions extends WxCloudCallOptions, ProgressOptions {
  /**
   * True when the MD5 of what arrived is compared with the ETag, which fails the download when they
   * differ. Needs an ETag that is an MD5, as that of every file uploaded in one piece, and the
   * whole file. @defaultValue false
   */
  readonly verifyEtag?: boolean | undefined;
}

/** What a download takes. */
export interface WxCloudDownloadOptions extends WxCloudDownloadFileOptions {
  /** The part that is wanted. @defaultValue the whole file */
  readonly range?: WxCloudByteRange | undefined;
}

/** What a download into memory takes. */
export interface WxCloudDownloadBufferOptions extends WxCloudDownloadOptions {
  /**
   * Number of bytes the file may have; a larger one is refused before it is read. So is one that no
   * buffer has room for, whatever is given here.
   * @defaultValue 104857600 (100 MiB)
   */
  readonly maxBytes?: number | undefined;
}

/** What a local file is uploaded with. */
export interface WxCloudUploadFileOptions extends WxCloudCallOptions, ProgressOptions {
  /**
   * The media type to store it with.
   * @defaultValue what its first bytes show, else `application/octet-stream`
   */
  readonly contentType?: string | undefined;
  /**
   * Vouches that nothing but this upload is ever stored at its path, as when the path holds a
   * random ID that was made for it. Only then is the object deleted when the upload fails after it
   * may have been stored.
   * @defaultValue false: such an object is left alone and reported to `onOrphan`
   */
  readonly uniquePath?: boolean | undefined;
}

/** What a body is uploaded with. */
export interface WxCloudUploadBodyOptions
  extends WxCloudCallOptions, ProgressOptions, Pick<WxCloudUploadFileOptions, 'uniquePath'> {
  /**
   * The media type to store it with. @defaultValue what its first bytes show, else a Blob's own
   * type, `text/plain` for a string, `application/octet-stream`
   */
  readonly contentType?: string | undefined;
  /**
   * How many bytes the body has, when it is a stream and you know it: it then goes straight
   * through, without being kept, and cannot be sent again when the upload fails. @defaultValue
   * unknown: a stream is kept until its end
   */
  readonly size?: number | undefined;
}

/** An object that is in the storage. */
export interface WxCloudStoredFile {
  /** `cloud://env.bucket/path`: what to keep, and to hand to mini programs. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /** The number of bytes that were stored. */
  readonly size: number;
  /** The media type it was stored with. */
  readonly contentType: string;
  /** The ETag that COS answered, without quotes: the MD5 of the content. */
  readonly etag: string;
}

/** One upload. */
export interface UploadObjectCall {
  /** Where to store it; valid. */
  readonly cloudPath: string;
  /** The content to store; whoever opened its source disposes of it. */
  readonly body: UploadBody;
  /** Its media type. */
  readonly contentType: string;
  /** Nothing but this upload can store at the path, as when it was made up at random. */
  readonly isPathUnique: boolean;
  /**
   * Told how far the transfer to the storage has got, by each try from 0.
   * @defaultValue none
   */
  readonly onProgress?: ProgressOptions['onProgress'];
  /** Ends the upload. */
  readonly signal: AbortSignal;
}

/**
 * Makes a function that reports how many bytes were handed over; the listener's own failure is
 * logged once.
 */
export function reportProgress(
  logger: StorageLogger,
  onProgress: ProgressOptions['onProgress'],
  totalBytes: number,
): (transferredBytes: number) => void {
  if (onProgress === undefined) return () => {};
  let hasFailed = false;
  return transferredBytes => {
    try {
      onProgress({ transferredBytes, totalBytes });
    } catch (error) {
      if (!hasFailed) logger.warn(`onProgress failed: ${toText(error)}`);
      hasFailed = true;
    }
  };
}

function toText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
