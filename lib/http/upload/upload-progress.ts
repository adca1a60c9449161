import { Inject, Injectable, Optional } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { map, type Observable } from 'rxjs';
import type { WxCloudTransferProgress } from '../../storage/call-options.js';
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

/**
 * Makes the listener for the progress of one file of a request, under the ID that the client sent;
 * undefined when the request's application has no instance.
 */
export function progressListenerOf(
  id: string,
  request: object,
  transaction: UploadTransaction,
  file: { readonly index: number; readonly fieldname: string },
): ((progress: WxCloudTransferProgress) => void) | undefined {
  const upload = runningUploads.get(transaction) ?? begin(id, request, transaction);
  return upload && (progress => upload.report({ ...file, ...progress }));
}

function begin(
  id: string,
  request: object,
  transaction: UploadTransaction,
): RunningUpload | undefined {
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
