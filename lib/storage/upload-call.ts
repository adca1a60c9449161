import type { UploadBody } from '../body/index.js';
import type { ProgressOptions } from './call-options.js';

/** An object that is in the storage. */
export interface StoredCloudFile {
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
