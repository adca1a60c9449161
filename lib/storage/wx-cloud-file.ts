import type { Readable } from 'node:stream';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import type {
  WxCloudDownloadBufferOptions,
  WxCloudDownloadOptions,
  WxCloudDownloadUrlOptions,
} from './call-options.js';
import type { WxCloudDownload } from './download.js';
import type { WxCloudFileStat } from './read-object.js';

/** What a handle needs of the storage; `WxCloudStorageService` is one. */
export interface WxCloudFileSource {
  /** A temporary link. */
  getDownloadUrl(fileId: string, options?: WxCloudDownloadUrlOptions): Promise<string>;
  /** The content as a stream. */
  download(fileId: string, options?: WxCloudDownloadOptions): Promise<WxCloudDownload>;
  /** The content in memory. */
  downloadBuffer(fileId: string, options?: WxCloudDownloadBufferOptions): Promise<Buffer>;
  /** Size, type and ETag. */
  stat(fileId: string, options?: WxCloudCallOptions): Promise<WxCloudFileStat>;
  /** Removes the file. */
  delete(fileId: string, options?: WxCloudCallOptions): Promise<void>;
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
  async url(options?: WxCloudDownloadUrlOptions): Promise<string> {
    return this.#storage.getDownloadUrl(this.fileId, options);
  }

  /**
   * The content as a stream, which belongs to the caller: see {@link WxCloudFileSource.download}.
   */
  async stream(options?: WxCloudDownloadOptions): Promise<Readable> {
    const { body } = await this.#storage.download(this.fileId, options);
    return body;
  }

  /** The content in memory: see {@link WxCloudFileSource.downloadBuffer}. */
  async buffer(options?: WxCloudDownloadBufferOptions): Promise<Buffer> {
    return this.#storage.downloadBuffer(this.fileId, options);
  }

  /** Size, type and ETag: see {@link WxCloudFileSource.stat}. */
  async stat(options?: WxCloudCallOptions): Promise<WxCloudFileStat> {
    return this.#storage.stat(this.fileId, options);
  }

  /** Removes the file: see {@link WxCloudFileSource.delete}. */
  async delete(options?: WxCloudCallOptions): Promise<void> {
    return this.#storage.delete(this.fileId, options);
  }

  /** The file ID, so that a handle in an answer is serialised as what clients need. */
  toJSON(): string {
    return this.fileId;
  }
}
