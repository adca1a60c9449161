import { Inject, Logger, Optional, type StreamableFile } from '@nestjs/common';
import { from, map, Observable } from 'rxjs';
import { abandonSource } from './body/chunks.js';
import { UNKNOWN_CONTENT_TYPE } from './body/content-type.js';
import { typeOfSource, type WxCloudUploadSource } from './body/open-source.js';
import { LOG_CONTEXT } from './diagnostics.js';
import { respondWithFile, toStreamableFile } from './http/serve/serve-file.js';
import type { WxCloudServedFileOptions, WxCloudServeOptions } from './http/serve/serve-options.js';
import { registerService, registerServiceClass } from './http/storage-services.js';
import type { WxCloudCallOptions } from './operations/operation-registry.js';
import type {
  WxCloudDownloadBufferOptions,
  WxCloudDownloadFileOptions,
  WxCloudDownloadOptions,
  WxCloudDownloadUrlOptions,
  WxCloudStoredFile,
  WxCloudTransferProgress,
  WxCloudUploadBodyOptions,
  WxCloudUploadFileOptions,
} from './storage/call-options.js';
import { confirmUpload, type WxCloudConfirmUploadOptions } from './storage/confirm-upload.js';
import type { WxCloudDeleteOutcome } from './storage/delete.js';
import {
  createUploadForm,
  type WxCloudUploadForm,
  type WxCloudUploadFormOptions,
} from './storage/direct-upload.js';
import {
  type WxCloudDownload,
  downloadToBuffer,
  downloadToFile,
  openDownload,
} from './storage/download.js';
import { unwrap } from './storage/file-outcome.js';
import {
  addImageRules,
  assertImageRules,
  type WxCloudDownloadUrlOutcome,
} from './storage/links.js';
import { type WxCloudFileStat, objectExists, statObject } from './storage/read-object.js';
import {
  type WxCloudCheckOptions,
  checkStorage,
  type WxCloudStorageCheck,
} from './storage/self-check.js';
import {
  createDetachedContext,
  FailedContext,
  STORAGE_CONTEXT,
  type StorageContext,
  usableContext,
} from './storage/storage-context.js';
import { uploadToPath } from './storage/upload.js';
import { WxCloudFile } from './storage/wx-cloud-file.js';

/** What happens to an upload. */
export type WxCloudUploadWatchEvent = UploadProgressed | UploadStored;

/** An upload has got further. */
interface UploadProgressed extends WxCloudTransferProgress {
  /** Tells the events apart. */
  readonly type: 'progress';
}

/** An upload has ended well; the last event. */
interface UploadStored {
  /** Tells the events apart. */
  readonly type: 'stored';
  /** What is stored now. */
  readonly file: WxCloudStoredFile;
}

/**
 * Stores, reads and removes files of one WeChat environment. Injectable. Every method takes
 * `signal` and `timeoutMs`, and throws nothing but {@link WxCloudStorageError}.
 */
export class WxCloudStorageService {
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
    this.#context = usableContext(given);
    registerService(this, this.#context);
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
    body: WxCloudUploadSource,
    options: WxCloudUploadBodyOptions = {},
  ): Promise<WxCloudStoredFile> {
    try {
      return await this.#context.operations.run('uploading', options, signal =>
        uploadToPath(this.#context, {
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
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.upload} does;
   * `WX_CLOUD_BODY_FAILED` when the file cannot be read
   */
  async uploadFile(
    localPath: string,
    cloudPath: string,
    options: WxCloudUploadFileOptions = {},
  ): Promise<WxCloudStoredFile> {
    return this.#context.operations.run('uploading', options, signal =>
      uploadToPath(this.#context, {
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
   * Stores a body as {@link WxCloudStorageService.upload} does, and tells how far it has got: one
   * `progress` event for every piece, then `stored`. Each subscription is an upload of its own; to
   * unsubscribe ends it, and leaves nothing behind.
   */
  watchUpload(
    cloudPath: string,
    body: WxCloudUploadSource,
    options: Omit<WxCloudUploadBodyOptions, 'onProgress'> = {},
  ): Observable<WxCloudUploadWatchEvent> {
    return watchUpload(options, watched => this.upload(cloudPath, body, watched));
  }

  /**
   * Makes a form with which a client posts one file straight to the storage, past the application;
   * see {@link WxCloudUploadForm}. A path that is empty or ends in a slash is completed at random, which
   * is what files of strangers need: at a known path they would replace each other's. Check the
   * file with {@link WxCloudStorageService.confirmUpload} before you rely on it, and delete those
   * that never come to that.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`; `WX_CLOUD_ARGUMENT_INVALID`
   */
  async createUploadForm(
    cloudPath = '',
    options: WxCloudUploadFormOptions = {},
  ): Promise<WxCloudUploadForm> {
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
  async confirmUpload(
    fileId: string,
    options: WxCloudConfirmUploadOptions = {},
  ): Promise<WxCloudFileStat> {
    return confirmUpload(this.#context, fileId, options);
  }

  /**
   * Starts to download a file, or a part of it. Resolves once its headers are there; the body
   * belongs to the caller, who reads it to its end or destroys it. A connection that breaks is
   * resumed from the byte reached, as long as the file is the same; the body ends in an error when
   * the content does not arrive whole.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call;
   * `WX_CLOUD_FILE_NOT_FOUND`; `WX_CLOUD_RANGE_UNSATISFIABLE`; `WX_CLOUD_DOWNLOAD_FAILED`
   */
  async download(fileId: string, options: WxCloudDownloadOptions = {}): Promise<WxCloudDownload> {
    return openDownload(this.#context, fileId, options);
  }

  /**
   * Downloads a file into memory, with its bytes as they are stored: one with a `contentEncoding`,
   * which {@link WxCloudStorageService.stat} names, is not decoded.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.download} does;
   * `WX_CLOUD_FILE_TOO_LARGE` when it has more than `maxBytes`, or than a buffer can have
   */
  async downloadBuffer(
    fileId: string,
    options: WxCloudDownloadBufferOptions = {},
  ): Promise<Buffer> {
    return downloadToBuffer(this.#context, fileId, options);
  }

  /**
   * Downloads a file into a local one, replacing it. Written beside it first and renamed at the
   * end, so that the name never stands for half a file; nothing is left when it fails.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.download} does;
   * `WX_CLOUD_SPOOL_FAILED` when it cannot be written
   */
  async downloadToFile(
    fileId: string,
    localPath: string,
    options: WxCloudDownloadFileOptions = {},
  ): Promise<void> {
    return downloadToFile(this.#context, fileId, localPath, options);
  }

  /**
   * Responds to a request with a file: with its bytes, and all that HTTP has for that (parts,
   * conditions, `HEAD`, the file's name), or with a redirect to a temporary link. Takes the request
   * and response of Express or Fastify as a handler gets them from `@Req()` and `@Res()`, without
   * `passthrough`, and resolves once the answer is sent or the client has gone.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.download} does, while
   * nothing is answered yet
   */
  serve(fileId: string, options: WxCloudServeOptions): Promise<void>;
  /**
   * The same without a request: a `StreamableFile` for a handler to return, with type, length and
   * name, always whole.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.download} does
   */
  serve(fileId: string, options?: WxCloudServedFileOptions): Promise<StreamableFile>;
  async serve(
    fileId: string,
    options: WxCloudServeOptions | WxCloudServedFileOptions = {},
  ): Promise<StreamableFile | void> {
    if (!('response' in options)) return toStreamableFile(this, fileId, options);
    return respondWithFile(this, fileId, options);
  }

  /**
   * A temporary link to a file, for whoever has no file IDs: a browser, another service.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call;
   * `WX_CLOUD_FILE_NOT_FOUND`
   */
  async getDownloadUrl(fileId: string, options: WxCloudDownloadUrlOptions = {}): Promise<string> {
    return unwrap(await this.getDownloadUrls([fileId], options)).url;
  }

  /**
   * Temporary links to any number of files, 50 a call: one outcome a file, in order. An empty list
   * makes no call.
   * @throws {@link WxCloudStorageError} only when the whole call was aborted or ran out of time
   */
  async getDownloadUrls(
    fileIds: readonly string[],
    options: WxCloudDownloadUrlOptions = {},
  ): Promise<readonly WxCloudDownloadUrlOutcome[]> {
    const { maxAgeSeconds, imageRules } = options;
    assertImageRules(imageRules);
    const outcomes = await this.#context.operations.run('asking for links', options, signal =>
      this.#context.links.get(fileIds, maxAgeSeconds, signal),
    );
    return outcomes.map(outcome =>
      outcome.ok ? { ...outcome, url: addImageRules(outcome.url, imageRules) } : outcome,
    );
  }

  /**
   * Removes a file. One that does not exist is no error.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call;
   * `WX_CLOUD_API_FAILED`
   */
  async delete(fileId: string, options: WxCloudCallOptions = {}): Promise<void> {
    unwrap(await this.deleteMany([fileId], options));
  }

  /**
   * Removes any number of files, 50 a call: one outcome a file, in order. An empty list makes no
   * call.
   * @throws {@link WxCloudStorageError} only when the whole call was aborted or ran out of time
   */
  async deleteMany(
    fileIds: readonly string[],
    options: WxCloudCallOptions = {},
  ): Promise<readonly WxCloudDeleteOutcome[]> {
    return this.#context.operations.run('deleting', options, signal =>
      this.#context.deletions.delete(fileIds, signal),
    );
  }

  /**
   * True when there is such a file.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.stat} does, but for a
   * missing file
   */
  async exists(fileId: string, options: WxCloudCallOptions = {}): Promise<boolean> {
    return objectExists(this.#context, fileId, options);
  }

  /**
   * A file's size, type and ETag, from a `HEAD` on its temporary link.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call;
   * `WX_CLOUD_FILE_NOT_FOUND`
   */
  async stat(fileId: string, options: WxCloudCallOptions = {}): Promise<WxCloudFileStat> {
    return statObject(this.#context, fileId, options);
  }

  /**
   * Tries what the storage needs to work: a credential, the environment and, on request, the
   * bucket. What is wrong is part of the result, with an error that says what to do: for start-up,
   * and for health checks.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_REQUEST_ABORTED`, `WX_CLOUD_REQUEST_TIMED_OUT` or
   * `WX_CLOUD_STORAGE_CLOSED` when the check itself was ended
   */
  async check(options: WxCloudCheckOptions = {}): Promise<WxCloudStorageCheck> {
    return checkStorage(this.#context, options);
  }

  /**
   * A handle for a file; makes no call.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID`
   */
  file(fileId: string): WxCloudFile {
    return new WxCloudFile(this, this.#context.fileIdScope.parse(fileId));
  }
}

registerServiceClass(WxCloudStorageService);

/** Makes uploads observable: one a subscription, which ends with it. */
function watchUpload(
  options: WxCloudUploadBodyOptions,
  upload: (options: WxCloudUploadBodyOptions) => Promise<WxCloudStoredFile>,
): Observable<WxCloudUploadWatchEvent> {
  return new Observable(subscriber => {
    const controller = new AbortController();
    const signal = joinSignals(controller.signal, options.signal);
    const onProgress = (progress: WxCloudTransferProgress): void =>
      subscriber.next({ type: 'progress', ...progress });
    const stored = from(upload({ ...options, signal, onProgress })).pipe(
      map((file): WxCloudUploadWatchEvent => ({ type: 'stored', file })),
    );
    subscriber.add(stored.subscribe(subscriber));
    return () => controller.abort(new Error('Nobody watches the upload any more.'));
  });
}

function joinSignals(own: AbortSignal, given: AbortSignal | undefined): AbortSignal {
  return given === undefined ? own : AbortSignal.any([own, given]);
}
