import { Inject, Injectable, Optional } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { map, type Observable } from 'rxjs';
import type { WxCloudTransferProgress } from '../../storage/call-options.js';
import type { StorageContext } from '../../storage/storage-context.js';
import { findProgressHub, findProgressHubOfRequest } from '../application-registry.js';
import { toHttpException } from '../http-exception.js';
import {
  type RunningUpload,
  UploadProgressHub,
  type WxCloudUploadProgressEvent,
} from '../upload-progress-hub.js';
import type { UploadTransaction } from '../upload-transaction.js';
import { isProgressId, progressIdInvalid } from './client-values.js';

const runningUploads = new WeakMap<UploadTransaction, RunningUpload>();

/** The request that brings a file. */
interface ProgressRequest {
  /** The adapter's request. */
  readonly request: object;
  /** Its files. */
  readonly transaction: UploadTransaction;
  /** The instance that stores the file. */
  readonly context: Pick<StorageContext, 'replicas'>;
}

/**
 * Creates the listener for the progress of one file of a request, by the ID that the client sent;
 * undefined when the request's application has no instance.
 */
export function progressListenerOf(
  id: string,
  request: ProgressRequest,
  file: { readonly index: number; readonly fieldname: string },
): ((progress: WxCloudTransferProgress) => void) | undefined {
  const upload = runningUploads.get(request.transaction) ?? begin(id, request);
  return upload && (progress => upload.report({ ...file, ...progress }));
}

function begin(
  id: string,
  { request, transaction, context }: ProgressRequest,
): RunningUpload | undefined {
  const upload = findProgressHubOfRequest(request)?.begin(id, context.replicas);
  if (upload === undefined) return undefined;
  runningUploads.set(transaction, upload);
  transaction.onEnd(isSuccess => upload.end(isSuccess));
  return upload;
}

/** An event in the form that Nest's `@Sse()` sends. */
export interface WxCloudUploadProgressMessage {
  /** The event; sent as JSON. */
  readonly data: WxCloudUploadProgressEvent;
}

/**
 * Lets a page follow its upload on the way from the application to the storage. The page generates
 * an ID, opens an `EventSource` on a route that returns {@link WxCloudUploadProgress.watch}, and
 * sends the ID with the form, in the place that the interceptor's option `progressId` names. Both
 * requests must reach the same process, unless the option `replicas` connects all of them.
 * @example
 * ```ts
 * import { Controller, Module, Param, Post, Sse, UseInterceptors } from '@nestjs/common';
 * import {
 *   FileId,
 *   WxCloudFileInterceptor,
 *   WxCloudUploadProgress,
 *   type WxCloudUploadProgressMessage,
 * } from 'nestjs-wx-cloud-storage';
 * import type { Observable } from 'rxjs';
 *
 * @Controller('videos')
 * export class VideosController {
 *   constructor(private readonly progress: WxCloudUploadProgress) {}
 *
 *   @Post()
 *   @UseInterceptors(WxCloudFileInterceptor('video', { progressId: { header: 'x-upload-id' } }))
 *   create(@FileId() fileId: string): { fileId: string } {
 *     return { fileId };
 *   }
 *
 *   @Sse('progress/:id')
 *   watch(@Param('id') id: string): Observable<WxCloudUploadProgressMessage> {
 *     return this.progress.watch(id);
 *   }
 * }
 *
 * @Module({ controllers: [VideosController], providers: [WxCloudUploadProgress] })
 * export class VideosModule {}
 * ```
 */
@Injectable()
export class WxCloudUploadProgress {
  readonly #hub: UploadProgressHub;

  /** Injected by Nest. */
  constructor(@Optional() @Inject(HttpAdapterHost) host?: HttpAdapterHost) {
    // Without HTTP there are no uploads to follow.
    this.#hub = host === undefined ? new UploadProgressHub() : findProgressHub(host);
  }

  /**
   * Returns the events of the upload with this ID, for `@Sse()`: at most ten a second for each file
   * (five from another replica), and at last one of type `end`. May be called before the upload
   * begins; it then waits up to a minute for it. A later call begins with the present progress of
   * each file. The ID has 16 to 64 letters, digits, `-` and `_`. Generate it at random:
   * any client that knows it can watch.
   * @throws `HttpException` 400 when the ID is invalid
   */
  watch(id: string): Observable<WxCloudUploadProgressMessage> {
    if (!isProgressId(id)) throw toHttpException(progressIdInvalid()) as Error;
    return this.#hub.watch(id).pipe(map(data => ({ data })));
  }
}
