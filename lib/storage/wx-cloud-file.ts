import type { Readable } from 'node:stream';
import type { CallOptions } from '../operations/operation-registry.js';
import type { DownloadBufferOptions, DownloadOptions, DownloadUrlOptions } from './call-options.js';
import type { CloudDownload } from './download.js';
import type { CloudFileStat } from './read-object.js';

/** What a handle needs of the storage; `WxCloudStorageService` is one. */
export interface WxCloudFileSource {
  /** A temporary link. */
  getDownloadUrl(fileId: string, options?: DownloadUrlOptions): Promise<string>;
  /** The content as a stream. */
  download(fileId: string, options?: DownloadOptions): Promise<CloudDownload>;
  /** The content in memory. */
  downloadBuffer(fileId: string, options?: DownloadBufferOptions): Promise<Buffer>;
  /** Size, type and ETag. */
  stat(fileId: string, options?: CallOptions): Promise<CloudFileStat>;
  /** Removes the file. */
  delete(fileId: string, options?: CallOptions): Promise<void>;
}

/** A file in the storage, by its file ID. Making one fetches nothing. */
export class WxCloudFile {
  readonly #storage: WxCloudFileSource;
  /** `cloud://env.bucket/path`. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;

  /** @internal Made by `WxCloudStorageService.file`. */
  constructor(
    storage: WxCloudFileSource,
    { fileId, cloudPath }: { readonly fileId: string; readonly cloudPath: string },
  ) {
    this.#storage = storage;
    this.fileId = fileId;
    this.cloudPath = cloudPath;
  }

  /** A temporary link: see {@link WxCloudFileSource.getDownloadUrl}. */
  async url(options?: DownloadUrlOptions): Promise<string> {
    return this.#storage.getDownloadUrl(this.fileId, options);
  }

  /**
   * The content as a stream, which belongs to the caller: see {@link WxCloudFileSource.download}.
   */
  async stream(options?: DownloadOptions): Promise<Readable> {
    const { body } = await this.#storage.download(this.fileId, options);
    return body;
  }

  /** The content in memory: see {@link WxCloudFileSource.downloadBuffer}. */
  async buffer(options?: DownloadBufferOptions): Promise<Buffer> {
    return this.#storage.downloadBuffer(this.fileId, options);
  }

  /** Size, type and ETag: see {@link WxCloudFileSource.stat}. */
  async stat(options?: CallOptions): Promise<CloudFileStat> {
    return this.#storage.stat(this.fileId, options);
  }

  /** Removes the file: see {@link WxCloudFileSource.delete}. */
  async delete(options?: CallOptions): Promise<void> {
    return this.#storage.delete(this.fileId, options);
  }

  /** The file ID, so that a handle in an answer is serialised as what clients need. */
  toJSON(): string {
    return this.fileId;
  }
}
