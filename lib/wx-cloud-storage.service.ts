import { Inject, Logger, Optional, type StreamableFile } from '@nestjs/common';
import {
  answerWithFile,
  registerService,
  registerServiceClass,
  toStreamableFile,
  type ServedFileOptions,
  type ServeOptions,
} from './http/index.js';
import {
  addImageRules,
  assertImageRules,
  checkStorage,
  createDetachedContext,
  downloadToBuffer,
  downloadToFile,
  FailedContext,
  objectExists,
  openDownload,
  statObject,
  unwrap,
  usableContext,
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
  type StorageCheck,
  type StorageContext,
  STORAGE_CONTEXT,
} from './storage/index.js';
import { LOG_CONTEXT } from './diagnostics/index.js';
import { StorageUploads } from './storage-uploads.js';
import { WxCloudFile } from './wx-cloud-file.js';

/**
 * Stores, reads and removes files of one WeChat environment. Injectable. Every method takes `signal` and `timeoutMs`, and
 * throws nothing but {@link WxCloudStorageError}.
 */
export class WxCloudStorageService extends StorageUploads {
  readonly #context: StorageContext;

  /**
   * @internal Made by the module. A subclass that a test provides without the module can do what it
   * overrides.
   */
  constructor(
    @Optional()
    @Inject(STORAGE_CONTEXT)
    given: StorageContext | FailedContext = createDetachedContext(new Logger(LOG_CONTEXT)),
  ) {
    const context = usableContext(given);
    super(context);
    this.#context = context;
    registerService(this, context);
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
   * Downloads a file into memory, with its bytes as they are stored: one with a `contentEncoding`,
   * which {@link WxCloudStorageService.stat} names, is not decoded.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.download} does;
   * `WX_CLOUD_FILE_TOO_LARGE` when it has more than `maxBytes`, or than a buffer can have
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
   * Answers a request with a file: with its bytes, and all that HTTP has for that (parts, conditions, `HEAD`, the file's
   * name), or with a redirect to a temporary link. Takes the request and response of Express or Fastify as a handler gets
   * them from `@Req()` and `@Res()`, without `passthrough`, and resolves once the answer is sent or the client has gone.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.download} does, while nothing is answered yet
   */
  serve(fileId: string, options: ServeOptions): Promise<void>;
  /**
   * The same without a request: a `StreamableFile` for a handler to return, with type, length and name, always whole.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.download} does
   */
  serve(fileId: string, options?: ServedFileOptions): Promise<StreamableFile>;
  async serve(
    fileId: string,
    options: ServeOptions | ServedFileOptions = {},
  ): Promise<StreamableFile | void> {
    if (!('response' in options)) return toStreamableFile(this, fileId, options);
    return answerWithFile(this, fileId, options);
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
    const { maxAgeSeconds, imageRules } = options;
    assertImageRules(imageRules);
    const outcomes = await this.#context.operations.run('asking for links', options, signal =>
      this.#context.links.get({ fileIds, maxAgeSeconds, signal }),
    );
    return outcomes.map(outcome =>
      outcome.ok ? { ...outcome, url: addImageRules(outcome.url, imageRules) } : outcome,
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
    return objectExists(this.#context, fileId, options);
  }

  /**
   * A file's size, type and ETag, from a `HEAD` on its temporary link.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call; `WX_CLOUD_FILE_NOT_FOUND`
   */
  async stat(fileId: string, options: CallOptions = {}): Promise<CloudFileStat> {
    return statObject(this.#context, fileId, options);
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
}

registerServiceClass(WxCloudStorageService);
