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
import { readCapabilities, type WxCloudStorageCapabilities } from './storage/capabilities.js';
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
import { copyFile, moveFile, type WxCloudCopyOptions } from './storage/copy.js';
import { unwrap } from './storage/file-outcome.js';
import { listFiles, type WxCloudListEntry, type WxCloudListOptions } from './storage/list.js';
import {
  addImageRules,
  assertImageRules,
  type WxCloudDownloadUrlOutcome,
} from './storage/links.js';
import { ownerOf, type WxCloudFileOwner } from './storage/owner.js';
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
import { sweepUnfinishedUploads, type WxCloudSweepOptions } from './storage/sweep.js';
import { toUploadProperties } from './storage/upload-properties.js';
import { uploadForCaller } from './storage/upload.js';
import {
  createUploadUrl,
  type WxCloudUploadUrl,
  type WxCloudUploadUrlOptions,
} from './storage/upload-url.js';
import { WxCloudFile } from './storage/wx-cloud-file.js';

/** An event of a watched upload. */
export type WxCloudUploadWatchEvent =
  | (WxCloudTransferProgress & {
      /** Progress of the upload. */
      readonly type: 'progress';
    })
  | {
      /** The success of the upload; the last event. */
      readonly type: 'stored';
      /** The stored file. */
      readonly file: WxCloudStoredFile;
    };

/**
 * Stores, reads and deletes files of one WeChat environment. Injectable. Every method accepts
 * `signal` and `timeoutMs`, and rejects only with a {@link WxCloudStorageError}.
 * @example
 * ```ts
 * import { Injectable } from '@nestjs/common';
 * import { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
 *
 * @Injectable()
 * export class ReportsService {
 *   constructor(private readonly storage: WxCloudStorageService) {}
 *
 *   async save(name: string, text: string): Promise<string> {
 *     const { fileId } = await this.storage.upload(`reports/${name}.txt`, text);
 *     return fileId;
 *   }
 * }
 * ```
 */
export class WxCloudStorageService {
  readonly #context: StorageContext;

  /**
   * Created by the module. A subclass that a test provides without the module supports the methods
   * that it overrides.
   * @internal
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
   * Uploads a body to a path, and replaces an existing file. COS requires the length first. So a
   * body of unknown length is kept until its end, in memory up to `upload.memoryLimitBytes` and
   * beyond that in a temporary file. A stream is read once, and is destroyed when the upload fails.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`; `WX_CLOUD_ARGUMENT_INVALID`;
   * `WX_CLOUD_BODY_FAILED` when the body cannot be read to its end; `WX_CLOUD_SIZE_MISMATCHED`;
   * `WX_CLOUD_SPOOL_FAILED`; `WX_CLOUD_UPLOAD_REJECTED`; `WX_CLOUD_UPLOAD_INCOMPLETE`;
   * `WX_CLOUD_FILE_EXISTS` with `createOnly`; `WX_CLOUD_UNSUPPORTED` for options that need `cos`;
   * `WX_CLOUD_PENDING_LOST` with `uniquePath`, when a sweep may have taken the file meanwhile;
   * and the errors of every call to WeChat. If it is unclear then whether the storage has the
   * object, it is deleted with `uniquePath`, and otherwise reported to `onOrphan`.
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   *
   * const { fileId } = await storage.upload('notes/hello.txt', 'Hello!', { timeoutMs: 10_000 });
   *
   * console.log(fileId);
   * ```
   */
  async upload(
    cloudPath: string,
    body: WxCloudUploadSource,
    options: WxCloudUploadBodyOptions = {},
  ): Promise<WxCloudStoredFile> {
    try {
      return await this.#context.operations.run('uploading', options, signal =>
        uploadForCaller(this.#context, {
          from: { source: body, size: options.size },
          cloudPath,
          contentType: options.contentType,
          fallbackType: typeOfSource(body),
          uniquePath: options.uniquePath,
          properties: toUploadProperties(this.#context, options),
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
   * Uploads a local file to a path. The file is read again for every attempt, and never held in
   * memory as a whole.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.upload} does;
   * `WX_CLOUD_BODY_FAILED` when the file cannot be read
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   *
   * const { fileId, size } = await storage.uploadFile('/tmp/cat.png', 'photos/cat.png');
   *
   * console.log(fileId, size);
   * ```
   */
  async uploadFile(
    localPath: string,
    cloudPath: string,
    options: WxCloudUploadFileOptions = {},
  ): Promise<WxCloudStoredFile> {
    return this.#context.operations.run('uploading', options, signal =>
      uploadForCaller(this.#context, {
        from: { localPath },
        cloudPath,
        contentType: options.contentType,
        fallbackType: UNKNOWN_CONTENT_TYPE,
        uniquePath: options.uniquePath,
        properties: toUploadProperties(this.#context, options),
        onProgress: options.onProgress,
        signal,
      }),
    );
  }

  /**
   * Uploads a body as {@link WxCloudStorageService.upload} does, and emits its progress: one
   * `progress` event for every chunk, then `stored`. Each subscription is an upload of its own.
   * Unsubscribing aborts it, and leaves nothing behind.
   * @example
   * ```ts
   * import { createReadStream } from 'node:fs';
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   *
   * storage.watchUpload('videos/cat.mp4', createReadStream('/tmp/cat.mp4')).subscribe(event => {
   *   if (event.type === 'progress') console.log(event.transferredBytes, event.totalBytes);
   *   else console.log(event.file.fileId);
   * });
   * ```
   */
  watchUpload(
    cloudPath: string,
    body: WxCloudUploadSource,
    options: Omit<WxCloudUploadBodyOptions, 'onProgress'> = {},
  ): Observable<WxCloudUploadWatchEvent> {
    return watchUpload(options, watched => this.upload(cloudPath, body, watched));
  }

  /**
   * Creates a form with which a client posts one file straight to the storage, past the
   * application; see {@link WxCloudUploadForm}. A path that is empty or ends in a slash is
   * completed with a random name, as files of strangers need: at a known path they would replace
   * each other. Check the file with {@link WxCloudStorageService.confirmUpload} before you use it,
   * and delete files that are never confirmed: with the option `pending`, a sweep does.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`; `WX_CLOUD_ARGUMENT_INVALID`
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   *
   * const form = await storage.createUploadForm('photos/', { extension: 'png' });
   *
   * console.log(form.url, form.fields, form.ticket);
   * ```
   */
  async createUploadForm(
    cloudPath = '',
    options: WxCloudUploadFormOptions = {},
  ): Promise<WxCloudUploadForm> {
    return createUploadForm(this.#context, cloudPath, options);
  }

  /**
   * Checks a file that a client has posted with a form: its existence, its size, its type by the
   * first bytes, and its stored type, which a client could have changed. A file that breaks a rule
   * is refused. It is deleted only if the `ticket` of the form is given and valid, and this
   * instance has not confirmed the file before. Other processes do not know the confirmations of
   * this one: pass the ticket only while your own records do not contain the file. Until
   * `expiresAt` of the form its client can still replace the file: keep the ETag, and compare it or
   * confirm again after that.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` and `WX_CLOUD_TICKET_REFUSED`
   * before any call; `WX_CLOUD_FILE_NOT_FOUND`; `WX_CLOUD_FILE_TOO_LARGE` and
   * `WX_CLOUD_TYPE_REFUSED` for a file that breaks a rule; `WX_CLOUD_PENDING_LOST` for one that a
   * sweep of pending files has taken
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileId: string;
   * declare const ticket: string;
   *
   * const { etag } = await storage.confirmUpload(fileId, {
   *   ticket,
   *   maxBytes: 5_242_880,
   *   contentTypes: ['image/*'],
   * });
   *
   * console.log(etag);
   * ```
   */
  async confirmUpload(
    fileId: string,
    options: WxCloudConfirmUploadOptions = {},
  ): Promise<WxCloudFileStat> {
    return confirmUpload(this.#context, fileId, options);
  }

  /**
   * Starts the download of a file, or of a range of it. Resolves with the response headers. The
   * caller owns the body, and reads it to its end or destroys it. A broken connection is resumed at
   * the byte reached, as long as the file is unchanged; an incomplete transfer ends the body in an
   * error.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call;
   * `WX_CLOUD_FILE_NOT_FOUND`; `WX_CLOUD_RANGE_UNSATISFIABLE`; `WX_CLOUD_DOWNLOAD_FAILED`
   * @example
   * ```ts
   * import { createWriteStream } from 'node:fs';
   * import { pipeline } from 'node:stream/promises';
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileId: string;
   *
   * const { body, size } = await storage.download(fileId, { range: { start: 0, end: 1_023 } });
   * await pipeline(body, createWriteStream('/tmp/head.bin'));
   *
   * console.log(size);
   * ```
   */
  async download(fileId: string, options: WxCloudDownloadOptions = {}): Promise<WxCloudDownload> {
    return openDownload(this.#context, fileId, options);
  }

  /**
   * Downloads a file into memory, with its bytes as stored: content with a `contentEncoding`, which
   * {@link WxCloudStorageService.stat} returns, is not decoded.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.download} does;
   * `WX_CLOUD_FILE_TOO_LARGE` when it is larger than `maxBytes`, or than a buffer can be
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileId: string;
   *
   * const bytes = await storage.downloadBuffer(fileId, { maxBytes: 1_048_576 });
   *
   * console.log(bytes.byteLength);
   * ```
   */
  async downloadBuffer(
    fileId: string,
    options: WxCloudDownloadBufferOptions = {},
  ): Promise<Buffer> {
    return downloadToBuffer(this.#context, fileId, options);
  }

  /**
   * Downloads a file into a local file, and replaces an existing one. The bytes are first written
   * to a file next to it, which is renamed at the end, so that the name never stands for a partial
   * file. Nothing remains after a failure.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.download} does;
   * `WX_CLOUD_SPOOL_FAILED` when it cannot be written
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileId: string;
   *
   * await storage.downloadToFile(fileId, '/tmp/cat.png', { verifyEtag: true });
   * ```
   */
  async downloadToFile(
    fileId: string,
    localPath: string,
    options: WxCloudDownloadFileOptions = {},
  ): Promise<void> {
    return downloadToFile(this.#context, fileId, localPath, options);
  }

  /**
   * Responds to a request with a file: with its bytes, including ranges, conditions, `HEAD` and the
   * file name, or with a redirect to a temporary link. Takes the request and response of Express or
   * Fastify from `@Req()` and `@Res()`, without `passthrough`. Resolves once the response is sent
   * or the client has disconnected.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.download} does, before the
   * response has begun
   * @example
   * ```ts
   * import type { IncomingMessage, ServerResponse } from 'node:http';
   * import { Controller, Get, Query, Req, Res } from '@nestjs/common';
   * import { ParseFileIdPipe, WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * @Controller('files')
   * export class FilesController {
   *   constructor(private readonly storage: WxCloudStorageService) {}
   *
   *   @Get()
   *   async read(
   *     @Query('fileId', ParseFileIdPipe) fileId: string,
   *     @Req() request: IncomingMessage & { method: string },
   *     @Res() response: ServerResponse,
   *   ): Promise<void> {
   *     await this.storage.serve(fileId, { request, response, fileName: 'cat.png' });
   *   }
   * }
   * ```
   */
  serve(fileId: string, options: WxCloudServeOptions): Promise<void>;
  /**
   * Returns a `StreamableFile` for a handler without a request, with type, length and name; always
   * the whole file.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.download} does
   * @example
   * ```ts
   * import { Controller, Get, Query, type StreamableFile } from '@nestjs/common';
   * import { ParseFileIdPipe, WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * @Controller('files')
   * export class FilesController {
   *   constructor(private readonly storage: WxCloudStorageService) {}
   *
   *   @Get()
   *   read(@Query('fileId', ParseFileIdPipe) fileId: string): Promise<StreamableFile> {
   *     return this.storage.serve(fileId);
   *   }
   * }
   * ```
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
   * Returns a temporary link to a file, for clients that cannot use file IDs, such as a browser or
   * another service.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call;
   * `WX_CLOUD_FILE_NOT_FOUND`
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileId: string;
   *
   * const url = await storage.getDownloadUrl(fileId, { maxAgeSeconds: 3_600 });
   *
   * console.log(url);
   * ```
   */
  async getDownloadUrl(fileId: string, options: WxCloudDownloadUrlOptions = {}): Promise<string> {
    return unwrap(await this.getDownloadUrls([fileId], options)).url;
  }

  /**
   * Returns temporary links to any number of files, batched up to 50 per call: one outcome per
   * file, in order. An empty list sends no request.
   * @throws {@link WxCloudStorageError} only when the whole call was aborted or timed out
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileIds: readonly string[];
   *
   * for (const outcome of await storage.getDownloadUrls(fileIds)) {
   *   if (outcome.ok) console.log(outcome.fileId, outcome.url);
   *   else console.error(outcome.fileId, outcome.error.code);
   * }
   * ```
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
   * Deletes a file. A missing file is not an error.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call;
   * `WX_CLOUD_API_FAILED`
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileId: string;
   *
   * await storage.delete(fileId);
   * ```
   */
  async delete(fileId: string, options: WxCloudCallOptions = {}): Promise<void> {
    unwrap(await this.deleteMany([fileId], options));
  }

  /**
   * Deletes any number of files, batched up to 50 per call, or 1000 with the option `cos`: one
   * outcome per file, in order. An empty list sends no request.
   * @throws {@link WxCloudStorageError} only when the whole call was aborted or timed out
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileIds: readonly string[];
   *
   * const outcomes = await storage.deleteMany(fileIds);
   *
   * console.log(outcomes.filter(({ ok }) => !ok).map(({ fileId }) => fileId));
   * ```
   */
  async deleteMany(
    fileIds: readonly string[],
    options: WxCloudCallOptions = {},
  ): Promise<readonly WxCloudDeleteOutcome[]> {
    const { operations, deletions, pending } = this.#context;
    return operations.run('deleting', options, async signal => {
      const outcomes = await deletions.delete(fileIds, signal);
      const deleted = outcomes.filter(({ ok }) => ok).map(({ fileId }) => fileId);
      await pending?.noteDeleted(deleted);
      return outcomes;
    });
  }

  /**
   * Resolves with true when the file exists.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.stat} does, except for a
   * missing file
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileId: string;
   *
   * if (!(await storage.exists(fileId))) console.log('The file is gone.');
   * ```
   */
  async exists(fileId: string, options: WxCloudCallOptions = {}): Promise<boolean> {
    return objectExists(this.#context, fileId, options);
  }

  /**
   * Reads size, type and ETag of a file, with a `HEAD` request to its temporary link, or to the
   * bucket with the option `cos`, which also returns what was stored with the file.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call;
   * `WX_CLOUD_FILE_NOT_FOUND`
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileId: string;
   *
   * const { size, contentType, etag } = await storage.stat(fileId);
   *
   * console.log(size, contentType, etag);
   * ```
   */
  async stat(fileId: string, options: WxCloudCallOptions = {}): Promise<WxCloudFileStat> {
    return statObject(this.#context, fileId, options);
  }

  /**
   * Lists files in the order of their paths, in pages of up to 1000 that are requested as the
   * entries are read. Needs the option `cos`. COS shows new files in lists after a moment. The
   * result can be read once; an error is thrown while it is read.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`; `WX_CLOUD_UNSUPPORTED` without
   * `cos`, or when its keys may not list the bucket
   * @see https://cloud.tencent.com/document/product/436/7734
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   *
   * for await (const entry of storage.list({ prefix: 'photos/', delimiter: '/' })) {
   *   if (entry.type === 'file') console.log(entry.fileId, entry.size);
   *   else console.log('folder', entry.cloudPath);
   * }
   * ```
   */
  list(options: WxCloudListOptions = {}): AsyncIterableIterator<WxCloudListEntry> {
    return listFiles(this.#context, options);
  }

  /**
   * Copies a file of up to 5 GB to a path, without a transfer through the application, and replaces
   * an existing file there. Type, metadata and owner are kept, and the copy has a file ID of its
   * own. A copy to its own path repairs a dead file ID. Needs the option `cos`.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` and `WX_CLOUD_PATH_INVALID`
   * before any call; `WX_CLOUD_FILE_NOT_FOUND`; `WX_CLOUD_UNSUPPORTED` without `cos`, or when its
   * keys may not copy; `WX_CLOUD_PENDING_LOST` as for an upload
   * @see https://cloud.tencent.com/document/product/436/10881
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileId: string;
   *
   * const copy = await storage.copy(fileId, 'archive/2026/report.pdf');
   *
   * console.log(copy.fileId, copy.size);
   * ```
   */
  async copy(
    fileId: string,
    toPath: string,
    options: WxCloudCopyOptions = {},
  ): Promise<WxCloudStoredFile> {
    return copyFile(this.#context, fileId, toPath, options);
  }

  /**
   * Copies a file as {@link WxCloudStorageService.copy} does, then deletes the source. If only the
   * deletion fails, the source is reported to `onOrphan`: the file is at its new path by then. What
   * is stored at the old path meanwhile is deleted with it. Needs the option `cos`.
   * @throws {@link WxCloudStorageError} as {@link WxCloudStorageService.copy} does;
   * `WX_CLOUD_ARGUMENT_INVALID` for the path of the file itself
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileId: string;
   *
   * const moved = await storage.move(fileId, 'published/cat.png');
   *
   * console.log(moved.fileId);
   * ```
   */
  async move(
    fileId: string,
    toPath: string,
    options: WxCloudCopyOptions = {},
  ): Promise<WxCloudStoredFile> {
    return moveFile(this.#context, fileId, toPath, options);
  }

  /**
   * Returns the user who owns a file, as WeChat has signed it into the file: who uploaded it from a
   * mini program, or the `openid` that it was stored with. Undefined for a file of the application,
   * and for one whose signature is missing, unreadable or that of another file. Needs the option
   * `cos` with the container's own keys.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` before any call;
   * `WX_CLOUD_FILE_NOT_FOUND`; `WX_CLOUD_UNSUPPORTED`
   * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudservice/wxcloudrun/src/development/storage/service/cos-sdk.html
   * @example
   * ```ts
   * import { ForbiddenException } from '@nestjs/common';
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileId: string;
   * declare const openid: string;
   *
   * const owner = await storage.ownerOf(fileId);
   *
   * if (owner?.openid !== openid) throw new ForbiddenException();
   * ```
   */
  async ownerOf(
    fileId: string,
    options: WxCloudCallOptions = {},
  ): Promise<WxCloudFileOwner | undefined> {
    return ownerOf(this.#context, fileId, options);
  }

  /**
   * Signs a URL to which a client sends one file with a plain `PUT`, past the application; see
   * {@link WxCloudUploadUrl}. A path that is empty or ends in a slash is completed with a random
   * name. The size is not limited: check the file with
   * {@link WxCloudStorageService.confirmUpload}. Needs the option `cos`.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_PATH_INVALID`; `WX_CLOUD_ARGUMENT_INVALID`;
   * `WX_CLOUD_UNSUPPORTED` without `cos`
   * @see https://cloud.tencent.com/document/product/436/14114
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   *
   * const { url, method, headers, fileId } = await storage.createUploadUrl('photos/', {
   *   contentType: 'image/png',
   *   expiresInSeconds: 300,
   * });
   *
   * console.log(method, url, headers, fileId);
   * ```
   */
  async createUploadUrl(
    cloudPath = '',
    options: WxCloudUploadUrlOptions = {},
  ): Promise<WxCloudUploadUrl> {
    return createUploadUrl(this.#context, cloudPath, options);
  }

  /**
   * Removes the parts of multipart uploads that crashed processes have left, which cost money until
   * then. Resolves with the number of uploads. Call it e.g. once a day. Needs the option `cos`.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`; `WX_CLOUD_UNSUPPORTED` without
   * `cos`, or when its keys may not list or abort uploads; otherwise the first error of an upload
   * that could not be removed, after all others were
   * @see https://cloud.tencent.com/document/product/436/7736
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   *
   * const count = await storage.sweepUnfinishedUploads({ olderThanSeconds: 86_400 });
   *
   * console.log(count);
   * ```
   */
  async sweepUnfinishedUploads(options: WxCloudSweepOptions): Promise<number> {
    return sweepUnfinishedUploads(this.#context, options);
  }

  /**
   * The features that need the option `cos`, each with true where it works. The others reject with
   * `WX_CLOUD_UNSUPPORTED`. Sends no request.
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   *
   * if (!storage.capabilities.list) console.log('Set the option cos.');
   * ```
   */
  get capabilities(): WxCloudStorageCapabilities {
    // Tools that make mocks read the members of the prototype too.
    return readCapabilities(#context in this ? this.#context.cos : undefined);
  }

  /**
   * Checks the credential, the environment and, on request, the bucket, e.g. at start-up or for a
   * health check. Failures are part of the result, as errors with advice.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_REQUEST_ABORTED`, `WX_CLOUD_REQUEST_TIMED_OUT` or
   * `WX_CLOUD_STORAGE_CLOSED` when the check itself was ended
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   *
   * const { ok, credential, environment } = await storage.check();
   *
   * if (!ok) console.error(credential.error ?? environment.error);
   * ```
   */
  async check(options: WxCloudCheckOptions = {}): Promise<WxCloudStorageCheck> {
    return checkStorage(this.#context, options);
  }

  /**
   * Returns a handle for a file; sends no request.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID`
   * @example
   * ```ts
   * import type { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
   *
   * declare const storage: WxCloudStorageService;
   * declare const fileId: string;
   *
   * const file = storage.file(fileId);
   *
   * console.log(file.cloudPath, await file.url());
   * ```
   */
  file(fileId: string): WxCloudFile {
    return new WxCloudFile(this, this.#context.fileIdScope.parse(fileId));
  }
}

registerServiceClass(WxCloudStorageService);

/** Makes uploads observable: one per subscription, which aborts it on its end. */
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
    return () => controller.abort(new Error('The subscriber has unsubscribed.'));
  });
}

function joinSignals(own: AbortSignal, given: AbortSignal | undefined): AbortSignal {
  return given === undefined ? own : AbortSignal.any([own, given]);
}
