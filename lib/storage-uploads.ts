import type { Observable } from 'rxjs';
import {
  abandonSource,
  typeOfSource,
  UNKNOWN_CONTENT_TYPE,
  type UploadSource,
} from './body/index.js';
import { StorageLifecycle } from './storage-lifecycle.js';
import {
  confirmUpload,
  createUploadForm,
  storeAtPath,
  type CloudFileStat,
  type ConfirmUploadOptions,
  type StorageContext,
  type StoredCloudFile,
  type UploadBodyOptions,
  type UploadFileOptions,
  type UploadForm,
  type UploadFormOptions,
} from './storage/index.js';
import { watchUpload, type WxUploadEvent } from './watch-upload.js';

/** The part of the service that brings files into the storage. */
export abstract class StorageUploads extends StorageLifecycle {
  readonly #context: StorageContext;

  /** @internal Made by the module. */
  constructor(context: StorageContext) {
    super(context);
    this.#context = context;
  }

  /**
   * Stores a body under a path, replacing what is there. A body of unknown length is kept, in
   * memory up to `upload.memoryLimitBytes` and beyond that in a temporary file, until its end shows
   * its length, which COS wants to know first. A stream is read once; it is destroyed when the
   * upload fails.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`; `WX_CLOUD_ARGUMENT_INVALID`;
   * `WX_CLOUD_BODY_FAILED` when the body cannot be read to its end; `WX_CLOUD_SIZE_MISMATCHED`;
   * `WX_CLOUD_SPOOL_FAILED`; `WX_CLOUD_UPLOAD_REJECTED`; and what every call to WeChat may throw.
   * Where it is not known then whether the storage has the object, it is deleted with `uniquePath`,
   * and otherwise reported to `onOrphan`.
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
          fallbackType: typeOfSource(body),
          uniquePath: options.uniquePath,
          onProgress: options.onProgress,
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
        uniquePath: options.uniquePath,
        onProgress: options.onProgress,
        signal,
      }),
    );
  }

  /**
   * Stores a body as {@link WxCloudStorageService.upload} does, and tells how far it has got: one `progress` event for every
   * piece, then `stored`. Each subscription is an upload of its own; to unsubscribe ends it, and leaves nothing behind.
   */
  watchUpload(
    cloudPath: string,
    body: UploadSource,
    options: Omit<UploadBodyOptions, 'onProgress'> = {},
  ): Observable<WxUploadEvent> {
    return watchUpload(options, watched => this.upload(cloudPath, body, watched));
  }

  /**
   * Makes a form with which a client posts one file straight to the storage, past the application; see
   * {@link UploadForm}. A path that is empty or ends in a slash is completed at random, which is what files of strangers
   * need: at a known path they would replace each other's. Check the file with
   * {@link WxCloudStorageService.confirmUpload} before you rely on it, and delete those that never come to that.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`; `WX_CLOUD_ARGUMENT_INVALID`
   */
  async createUploadForm(cloudPath = '', options: UploadFormOptions = {}): Promise<UploadForm> {
    return createUploadForm(this.#context, cloudPath, options);
  }

  /**
   * Checks a file that a client has posted with a form: that it is there, its size, its type by its
   * first bytes, and that it was stored with that type, which a client could have changed. A file
   * that breaks a rule is refused, and deleted only if the form's `ticket` is given, is still good,
   * and this instance has not confirmed the file before. Other processes do not know what this one
   * has confirmed: pass the ticket only while your own records do not have the file yet. Until the
   * form's `expiresAt` its client can still replace the file: keep the ETag, and compare, or
   * confirm once more after that.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` and `WX_CLOUD_TICKET_REFUSED`
   * before any call; `WX_CLOUD_FILE_NOT_FOUND`; `WX_CLOUD_FILE_TOO_LARGE` and
   * `WX_CLOUD_TYPE_REFUSED` for a file that breaks a rule
   */
  async confirmUpload(fileId: string, options: ConfirmUploadOptions = {}): Promise<CloudFileStat> {
    return confirmUpload(this.#context, fileId, options);
  }
}
