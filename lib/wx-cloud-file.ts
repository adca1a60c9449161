import type { Readable } from 'node:stream';
import type {
  CallOptions,
  CloudFileStat,
  DownloadBufferOptions,
  DownloadUrlOptions,
} from './storage/index.js';
import type { WxCloudStorageService } from './wx-cloud-storage.service.js';

/** A file in the storage, by its file ID. Making one fetches nothing. */
export class WxCloudFile {
  readonly #storage: WxCloudStorageService;
  /** `cloud://env.bucket/path`. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;

  /** Made by {@link WxCloudStorageService.file}. */
  constructor(
    storage: WxCloudStorageService,
    { fileId, cloudPath }: { readonly fileId: string; readonly cloudPath: string },
  ) {
    this.#storage = storage;
    this.fileId = fileId;
    this.cloudPath = cloudPath;
  }

  /** A temporary link: see {@link WxCloudStorageService.getDownloadUrl}. */
  async url(options?: DownloadUrlOptions): Promise<string> {
    return this.#storage.getDownloadUrl(this.fileId, options);
  }

  /** The content as a stream, which belongs to the caller: see {@link WxCloudStorageService.download}. */
  async stream(options?: CallOptions): Promise<Readable> {
    const { body } = await this.#storage.download(this.fileId, options);
    return body;
  }

  /** The content in memory: see {@link WxCloudStorageService.downloadBuffer}. */
  async buffer(options?: DownloadBufferOptions): Promise<Buffer> {
    return this.#storage.downloadBuffer(this.fileId, options);
  }

  /** Size, type and ETag: see {@link WxCloudStorageService.stat}. */
  async stat(options?: CallOptions): Promise<CloudFileStat> {
    return this.#storage.stat(this.fileId, options);
  }

  /** Removes the file: see {@link WxCloudStorageService.delete}. */
  async delete(options?: CallOptions): Promise<void> {
    return this.#storage.delete(this.fileId, options);
  }

  /** The file ID, so that a handle in an answer is serialised as what clients need. */
  toJSON(): string {
    return this.fileId;
  }
}
