import type { DownloadUrlOptions } from '../../storage/index.js';
import type { WxCloudHttpRequest } from '../request-origin.js';

/** What is known of an answer when its path is decided. */
export interface WxCloudOutgoingFile {
  /**
   * A random ID that was made for this answer alone. A path that holds it is unique, so that the
   * object is deleted when the request fails.
   */
  readonly uuid: string;
  /** The name that the handler gave; never sent to the storage. */
  readonly fileName: string | undefined;
  /** The type it is stored with. */
  readonly contentType: string;
  /** The extension of the handler's name, else the usual one of the type that its first bytes show; without the dot. */
  readonly extension: string | undefined;
  /** How many bytes it has. */
  readonly size: number;
}

/** Decides the whole cloud path of an answer; it is validated. The request may be typed as that of the adapter in use. */
export type WxCloudReplyPathFactory = {
  /** A method's parameters may be narrowed, here to Express' or Fastify's own request. */
  decide(file: WxCloudOutgoingFile, request: WxCloudHttpRequest): string | Promise<string>;
}['decide'];

/** What becomes of a handler's bytes. */
export interface WxCloudReplyOptions {
  /**
   * Put in front of the generated `yyyy/mm/dd/<uuid>.<extension>`, e.g. `processed/`; or a function that returns the whole
   * path. @defaultValue no prefix
   */
  readonly path?: string | WxCloudReplyPathFactory | undefined;
  /**
   * Vouches that the function `path` never returns the path of another file, where it does not use
   * `file.uuid`: only then is the object deleted when the request fails. Elsewhere it is left alone
   * and reported to `onOrphan`.
   * @defaultValue false
   */
  readonly uniquePath?: boolean | undefined;
  /**
   * Answers of up to so many bytes are sent as they are, with their type. `wx.cloud.callContainer` takes answers of up to
   * 1000 KiB. @defaultValue none: all are stored
   */
  readonly whenOverBytes?: number | undefined;
  /** Whether the answer has a temporary link too, for whoever has no file IDs. @defaultValue false */
  readonly url?: boolean | Pick<DownloadUrlOptions, 'maxAgeSeconds'> | undefined;
  /** The name of the instance to store with. @defaultValue the default instance */
  readonly storage?: string | undefined;
}

/** What a handler's bytes are answered as. */
export interface WxCloudReply {
  /** `cloud://env.bucket/path`. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /** The number of bytes that were stored. */
  readonly size: number;
  /** The type they were stored with. */
  readonly contentType: string;
  /** A temporary link, when the option asks for it. */
  readonly url?: string;
}
