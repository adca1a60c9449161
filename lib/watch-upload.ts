import { from, map, Observable } from 'rxjs';
import type { StoredCloudFile, TransferProgress, UploadBodyOptions } from './storage/index.js';

/** What happens to an upload. */
export type WxUploadEvent = WxUploadProgressed | WxUploadStored;

/** An upload has got further. */
export interface WxUploadProgressed extends TransferProgress {
  /** Tells the events apart. */
  readonly type: 'progress';
}

/** An upload has ended well; the last event. */
export interface WxUploadStored {
  /** Tells the events apart. */
  readonly type: 'stored';
  /** What is stored now. */
  readonly file: StoredCloudFile;
}

/** Makes uploads observable: one a subscription, which ends with it. */
export function watchUpload(
  options: UploadBodyOptions,
  upload: (options: UploadBodyOptions) => Promise<StoredCloudFile>,
): Observable<WxUploadEvent> {
  return new Observable(subscriber => {
    const controller = new AbortController();
    const signal = joinSignals(controller.signal, options.signal);
    const onProgress = (progress: TransferProgress): void =>
      subscriber.next({ type: 'progress', ...progress });
    const stored = from(upload({ ...options, signal, onProgress })).pipe(
      map((file): WxUploadEvent => ({ type: 'stored', file })),
    );
    subscriber.add(stored.subscribe(subscriber));
    return () => controller.abort(new Error('Nobody watches the upload any more.'));
  });
}

function joinSignals(own: AbortSignal, given: AbortSignal | undefined): AbortSignal {
  return given === undefined ? own : AbortSignal.any([own, given]);
}
