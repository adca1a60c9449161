import type { Readable } from 'node:stream';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import type {
  WxCloudDownloadBufferOptions,
  WxCloudDownloadOptions,
  WxCloudDownloadUrlOptions,
} from './call-options.js';
import type { WxCloudDownload } from './download.js';
import type { WxCloudFileStat } from './read-object.js';

/** The methods that a handle uses; `WxCloudStorageService` has them. */
export interface WxCloudFileSource {
  /** Returns a temporary link. */
  getDownloadUrl(fileId: string, options?: WxCloudDownloadUrlOptions): Promise<string>;
  /** Opens the content as a stream. */
  download(fileId: string, options?: WxCloudDownloadOptions): Promise<WxCloudDownload>;
  /** Reads the content into memory. */
  downloadBuffer(fileId: string, options?: WxCloudDownloadBufferOptions): Promise<Buffer>;
  /** Reads size, type and ETag. */
  stat(fileId: string, options?: WxCloudCallOptions): Promise<WxCloudFileStat>;
  /** Deletes the file. */
  delete(fileId: string, options?: WxCloudCallOptions): Promise<void>;
}

/**
 * A handle for a file in the storage. Creating one sends no request.
 * @example
 * ```ts
 * import { Controller, Get, Query } from '@nestjs/common';
 * import { WxCloudFile, WxCloudFilePipe } from 'nestjs-wx-cloud-storage';
 *
 * @Controller('photos')
 * export class PhotosController {
 *   @Get('size')
 *   async size(@Query('fileId', WxCloudFilePipe) photo: WxCloudFile): Promise<number> {
 *     return (await photo.stat()).size;
 *   }
 * }
 * ```
 */
export class WxCloudFile {
  readonly #storage: WxCloudFileSource;
  /** The file ID, `cloud://env.bucket/path`. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;

  /**
   * Created by `WxCloudStorageService.file`.
   * @internal
   */
  constructor(
    storage: WxCloudFileSource,
    { fileId, cloudPath }: { readonly fileId: string; readonly cloudPath: string },
  ) {
    this.#storage = storage;
    this.fileId = fileId;
    this.cloudPath = cloudPath;
  }

  /**
   * Returns a temporary link: see {@link WxCloudFileSource.getDownloadUrl}.
   * @example
   * ```ts
   * import type { WxCloudFile } from 'nestjs-wx-cloud-storage';
   *
   * declare const file: WxCloudFile;
   *
   * const url = await file.url({ maxAgeSeconds: 600 });
   *
   * console.log(url);
   * ```
   */
  async url(options?: WxCloudDownloadUrlOptions): Promise<string> {
    return this.#storage.getDownloadUrl(this.fileId, options);
  }

  /**
   * Opens the content as a stream, which the caller owns: see {@link WxCloudFileSource.download}.
   * @example
   * ```ts
   * import { createWriteStream } from 'node:fs';
   * import { pipeline } from 'node:stream/promises';
   * import type { WxCloudFile } from 'nestjs-wx-cloud-storage';
   *
   * declare const file: WxCloudFile;
   *
   * await pipeline(await file.stream(), createWriteStream('/tmp/cat.png'));
   * ```
   */
  async stream(options?: WxCloudDownloadOptions): Promise<Readable> {
    const { body } = await this.#storage.download(this.fileId, options);
    return body;
  }

  /**
   * Reads the content into memory: see {@link WxCloudFileSource.downloadBuffer}.
   * @example
   * ```ts
   * import type { WxCloudFile } from 'nestjs-wx-cloud-storage';
   *
   * declare const file: WxCloudFile;
   *
   * const bytes = await file.buffer({ maxBytes: 1_048_576 });
   *
   * console.log(bytes.byteLength);
   * ```
   */
  async buffer(options?: WxCloudDownloadBufferOptions): Promise<Buffer> {
    return this.#storage.downloadBuffer(this.fileId, options);
  }

  /**
   * Reads size, type and ETag: see {@link WxCloudFileSource.stat}.
   * @example
   * ```ts
   * import type { WxCloudFile } from 'nestjs-wx-cloud-storage';
   *
   * declare const file: WxCloudFile;
   *
   * const { size, contentType } = await file.stat();
   *
   * console.log(size, contentType);
   * ```
   */
  async stat(options?: WxCloudCallOptions): Promise<WxCloudFileStat> {
    return this.#storage.stat(this.fileId, options);
  }

  /**
   * Deletes the file: see {@link WxCloudFileSource.delete}.
   * @example
   * ```ts
   * import type { WxCloudFile } from 'nestjs-wx-cloud-storage';
   *
   * declare const file: WxCloudFile;
   *
   * await file.delete();
   * ```
   */
  async delete(options?: WxCloudCallOptions): Promise<void> {
    return this.#storage.delete(this.fileId, options);
  }

  /**
   * Returns the file ID, as which a handle is serialised in a response.
   * @example
   * ```ts
   * import type { WxCloudFile } from 'nestjs-wx-cloud-storage';
   *
   * declare const file: WxCloudFile;
   *
   * console.log(JSON.stringify({ photo: file })); // {"photo":"cloud://…"}
   * ```
   */
  toJSON(): string {
    return this.fileId;
  }
}
