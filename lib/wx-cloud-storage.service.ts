import type { BeforeApplicationShutdown, OnApplicationShutdown } from '@nestjs/common';
import { abandonSource, UNKNOWN_CONTENT_TYPE, type UploadSource } from './body/index.js';
import { WxCloudStorageError } from './errors/index.js';
import {
  checkStorage,
  downloadToBuffer,
  downloadToFile,
  fetchObject,
  openDownload,
  readStat,
  storeAtPath,
  unwrap,
  type CallOptions,
  type CheckOptions,
  type CloudDownload,
  type CloudFileStat,
  type DeleteOutcome,
  type DownloadBufferOptions,
  type DownloadFileOptions,
  type DownloadOptions,
  type DownloadUrlOptions,
  type DownloadUrlOutcome,
  type FetchedObject,
  type StorageCheck,
  type StorageContext,
  type StoredCloudFile,
  type UploadBodyOptions,
  type UploadFileOptions,
} from './storage/index.js';
import { WxCloudFile } from './wx-cloud-file.js';

/** How long running operations may take to end by themselves when the application shuts down. */
const SHUTDOWN_GRACE_MS = 10_000;

/**
 * Stores, reads and removes files of one WeChat environment. Injectable. Every method takes `signal` and `timeoutMs`, and
 * throws nothing but {@link WxCloudStorageError}.
 */
export class WxCloudStorageService implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #context: StorageContext;

  /** Made by the module. */
  constructor(context: StorageContext) {
    this.#context = context;
  }

  /**
   * Stores a body under a path, replacing what is there. A body of unknown length is kept, in memory up to
   * `upload.memoryLimitBytes` and beyond that in a temporary file, until its end shows its length, which COS wants to
   * know first. A stream is read once; it is destroyed when the upload fails.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`; `WX_CLOUD_ARGUMENT_INVALID`; `WX_CLOUD_BODY_FAILED`
   * when the body cannot be read to its end; `WX_CLOUD_SIZE_MISMATCHED`; `WX_CLOUD_SPOOL_FAILED`;
   * `WX_CLOUD_UPLOAD_REJECTED`; and what every call to WeChat may throw. Nothing is stored then.
   */
  async upload(
    cloudPath: string,
    body: UploadSource,
    options: UploadBodyOptions = {},
  ): Promise<StoredCloudFile> {
    try {
      return await this.#context.operations.run('uploading', options, signal =>
        storeAtPath(this.#context, {
          from: { source: body, size: options.size },
          cloudPath,
          contentType: options.contentType,
          fallbackType: typeOf(body),
          signal,
        }),
      );
    } catch (error) {
      abandonSource(body);
      throw error;
    }
  }

  /**
   * Stores a local file under a path. Read again for every try, never held in memory whole.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.upload} does; `WX_CLOUD_BODY_FAILED` when the file cannot be read
   */
  async uploadFile(
    localPath: string,
    cloudPath: string,
    options: UploadFileOptions = {},
  ): Promise<StoredCloudFile> {
    return this.#context.operations.run('uploading', options, signal =>
      storeAtPath(this.#context, {
        from: { localPath },
        cloudPath,
        contentType: options.contentType,
        fallbackType: UNKNOWN_CONTENT_TYPE,
        signal,
      }),
    );
  }

  /**
   * Starts to download a file, or a part of it. Resolves once its headers are there; the body belongs to the caller, who
   * reads it to its end or destroys it. A connection that breaks is resumed from the byte reached, as long as the file is
   * the same; the body ends in an error when the content does not arrive whole.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call; `WX_CLOUD_FILE_NOT_FOUND`;
   * `WX_CLOUD_RANGE_UNSATISFIABLE`; `WX_CLOUD_DOWNLOAD_FAILED`
   */
  async download(fileId: string, options: DownloadOptions = {}): Promise<CloudDownload> {
    return openDownload(this.#context, fileId, options);
  }

  /**
   * Downloads a file into memory.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.download} does; `WX_CLOUD_FILE_TOO_LARGE` when it has more than `maxBytes`
   */
  async downloadBuffer(fileId: string, options: DownloadBufferOptions = {}): Promise<Buffer> {
    return downloadToBuffer(this.#context, fileId, options);
  }

  /**
   * Downloads a file into a local one, replacing it. Written beside it first and renamed at the end, so that the name
   * never stands for half a file; nothing is left when it fails.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.download} does; `WX_CLOUD_SPOOL_FAILED` when it cannot be written
   */
  async downloadToFile(
    fileId: string,
    localPath: string,
    options: DownloadFileOptions = {},
  ): Promise<void> {
    return downloadToFile(this.#context, { fileId, localPath }, options);
  }

  /**
   * A temporary link to a file, for whoever has no file IDs: a browser, another service.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call; `WX_CLOUD_FILE_NOT_FOUND`
   */
  async getDownloadUrl(fileId: string, options: DownloadUrlOptions = {}): Promise<string> {
    return unwrap(await this.getDownloadUrls([fileId], options)).url;
  }

  /**
   * Temporary links to any number of files, 50 a call: one outcome a file, in order. An empty list makes no call.
   * @throws {@link WxCloudStorageError} only when the whole call was aborted or ran out of time
   */
  async getDownloadUrls(
    fileIds: readonly string[],
    options: DownloadUrlOptions = {},
  ): Promise<readonly DownloadUrlOutcome[]> {
    const { maxAgeSeconds } = options;
    return this.#context.operations.run('asking for links', options, signal =>
      this.#context.links.get({ fileIds, maxAgeSeconds, signal }),
    );
  }

  /**
   * Removes a file. One that does not exist is no error.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call; `WX_CLOUD_API_FAILED`
   */
  async delete(fileId: string, options: CallOptions = {}): Promise<void> {
    unwrap(await this.deleteMany([fileId], options));
  }

  /**
   * Removes any number of files, 50 a call: one outcome a file, in order. An empty list makes no call.
   * @throws {@link WxCloudStorageError} only when the whole call was aborted or ran out of time
   */
  async deleteMany(
    fileIds: readonly string[],
    options: CallOptions = {},
  ): Promise<readonly DeleteOutcome[]> {
    return this.#context.operations.run('deleting', options, signal =>
      this.#context.deletions.delete({ fileIds, signal }),
    );
  }

  /** Whether there is such a file. @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.stat} does, but for a missing file */
  async exists(fileId: string, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.#readHeaders(fileId, options, () => true);
      return true;
    } catch (error) {
      if (error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_FILE_NOT_FOUND')
        return false;
      throw error;
    }
  }

  /**
   * A file's size, type and ETag, from a `HEAD` on its temporary link.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call; `WX_CLOUD_FILE_NOT_FOUND`
   */
  async stat(fileId: string, options: CallOptions = {}): Promise<CloudFileStat> {
    return this.#readHeaders(fileId, options, readStat);
  }

  /**
   * Tries what the storage needs to work: a credential, the environment and, on request, the bucket. What is wrong is part
   * of the result, with an error that says what to do: for start-up, and for health checks.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_REQUEST_ABORTED`, `WX_CLOUD_REQUEST_TIMED_OUT` or
   * `WX_CLOUD_STORAGE_CLOSED` when the check itself was ended
   */
  async check(options: CheckOptions = {}): Promise<StorageCheck> {
    return checkStorage(this.#context, options);
  }

  /** A handle for a file; makes no call. @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` */
  file(fileId: string): WxCloudFile {
    return new WxCloudFile(this, this.#context.bucket.accept(fileId));
  }

  /** Lets running operations end, for 10 seconds at most, then ends them and waits for their clean-up. Called by Nest. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#context.operations.drain(SHUTDOWN_GRACE_MS);
  }

  /**
   * Refuses calls from now on, waits for the clean-up of what the closing server cut off, and closes all connections.
   * Called by Nest.
   */
  async onApplicationShutdown(): Promise<void> {
    await this.#context.operations.close();
    await this.#context.transport.close();
  }

  async #readHeaders<T>(
    fileId: string,
    options: CallOptions,
    read: (fetched: FetchedObject) => T,
  ): Promise<T> {
    return this.#context.operations.run('reading headers', options, async signal => {
      const fetched = await fetchObject(this.#context, { fileId, method: 'HEAD', signal });
      fetched.answer.discard();
      return read(fetched);
    });
  }
}

function typeOf(body: UploadSource): string {
  if (typeof body === 'string') return 'text/plain; charset=utf-8';
  return body instanceof Blob && body.type !== '' ? body.type : UNKNOWN_CONTENT_TYPE;
}
