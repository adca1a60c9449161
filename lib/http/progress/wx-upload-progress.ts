import { Inject, Injectable, Optional } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { map, type Observable } from 'rxjs';
import { findProgressHub } from '../application-instances.js';
import { toHttpException } from '../http-exception.js';
import { isProgressId, progressIdInvalid } from './progress-id.js';
import { UploadProgressHub, type WxUploadProgressEvent } from './upload-progress-hub.js';

/** One event as Nest's `@Sse()` sends it. */
export interface WxUploadProgressMessage {
  /** Sent as JSON. */
  readonly data: WxUploadProgressEvent;
}

/**
 * Lets a page follow the second leg of its upload, from the application to the storage: it makes up an ID, opens an
 * `EventSource` on a route that returns {@link WxUploadProgress.watch}, and sends the ID along with the form where the
 * upload interceptor's `progressId` says. Works within one process: behind several replicas both requests have to come
 * to the same one.
 */
@Injectable()
export class WxUploadProgress {
  readonly #hub: UploadProgressHub;

  /** Injected by Nest. */
  constructor(@Optional() @Inject(HttpAdapterHost) host?: HttpAdapterHost) {
    // Without HTTP there are no uploads to follow.
    this.#hub = host === undefined ? new UploadProgressHub() : findProgressHub(host);
  }

  /**
   * The events of the upload with this ID, for `@Sse()`: as they come, ten a second for a file at most, and one of the type
   * `end` at last. May be called before the upload begins, which it waits for a minute for. The ID has 16 to 64 letters,
   * digits, `-` and `_`; make it up at random, as whoever knows it can watch.
   * @throws `HttpException` 400 when it is no such ID
   */
  watch(id: string): Observable<WxUploadProgressMessage> {
    if (!isProgressId(id)) throw toHttpException(progressIdInvalid()) as Error;
    return this.#hub.watch(id).pipe(map(data => ({ data })));
  }
}
