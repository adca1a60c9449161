import { Inject, Injectable, Optional } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { map, type Observable } from 'rxjs';
import type { WxCloudTransferProgress } from '../../storage/call-options.js';
import {
  findProgressHub,
  findProgressHubOfRequest,
  type WxCloudHttpRequest,
} from '../application-registry.js';
import { toHttpException } from '../http-exception.js';
import {
  type RunningUpload,
  UploadProgressHub,
  type WxCloudUploadProgressEvent,
} from '../upload-progress-hub.js';
import type { UploadTransaction } from '../upload-transaction.js';
import { isProgressId, progressIdInvalid, readProgressId } from './client-values.js';
import type { WxCloudHeaderOrField } from './upload-options.js';

/** One file of a request that may be watched. */
interface WatchedFile {
  /** Where the client sends the ID; undefined when uploads are not watched. */
  readonly progressId: WxCloudHeaderOrField | undefined;
  /** The request. */
  readonly request: WxCloudHttpRequest;
  /** The transaction of the request. */
  readonly transaction: UploadTransaction;
  /** Which one it is. */
  readonly index: number;
  /** The name of its form field. */
  readonly fieldname: string;
}

const runningUploads = new WeakMap<UploadTransaction, RunningUpload>();

/**
 * What to tell the progress of a file to; undefined when nobody can watch it.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when the client sent something else
 * than an ID
 */
export function progressListenerOf(
  file: WatchedFile,
): ((progress: WxCloudTransferProgress) => void) | undefined {
  const { progressId, request, index, fieldname } = file;
  const id = progressId && readProgressId(progressId, request);
  if (id === undefined) return undefined;
  const upload = runningUploads.get(file.transaction) ?? begin(file, id);
  return progress => upload?.report({ index, fieldname, ...progress });
}

function begin({ request, transaction }: WatchedFile, id: string): RunningUpload | undefined {
  const upload = findProgressHubOfRequest(request)?.begin(id);
  if (upload === undefined) return undefined;
  runningUploads.set(transaction, upload);
  transaction.onEnd(isSuccess => upload.end(isSuccess));
  return upload;
}

/** One event as Nest's `@Sse()` sends it. */
export interface WxCloudUploadProgressMessage {
  /** Sent as JSON. */
  readonly data: WxCloudUploadProgressEvent;
}

/**
 * Lets a page follow the second leg of its upload, from the application to the storage: it makes up
 * an ID, opens an `EventSource` on a route that returns {@link WxCloudUploadProgress.watch}, and sends
 * the ID along with the form where the upload interceptor's `progressId` says. Works within one
 * process: behind several replicas both requests have to come to the same one.
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
   * The events of the upload with this ID, for `@Sse()`: as they come, ten a second for a file at
   * most, and one of the type `end` at last. May be called before the upload begins, which it waits
   * for a minute for. The ID has 16 to 64 letters, digits, `-` and `_`; make it up at random, as
   * whoever knows it can watch.
   * @throws `HttpException` 400 when it is no such ID
   */
  watch(id: string): Observable<WxCloudUploadProgressMessage> {
    if (!isProgressId(id)) throw toHttpException(progressIdInvalid()) as Error;
    return this.#hub.watch(id).pipe(map(data => ({ data })));
  }
}
