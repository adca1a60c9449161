import { Observable, Subject } from 'rxjs';

/** The time that a watcher waits for the request. */
const LONGEST_WAIT_MS = 60_000;
/** The minimum time between two events: more are of no use to a page. */
const LEAST_INTERVAL_MS = 100;

/** The progress of a request's files on their way from the application to the storage. */
export type WxCloudUploadProgressEvent = FileProgressed | UploadEnded;

/** Progress of one file; in its last event `transferredBytes` equals `totalBytes`. */
interface FileProgressed {
  /** The discriminator of the event types. */
  readonly type: 'progress';
  /** The index of the file, from 0, in the order of the form. */
  readonly index: number;
  /** The name of the form field. */
  readonly fieldname: string;
  /** The number of bytes handed to the storage; starts again from 0 when the upload is retried. */
  readonly transferredBytes: number;
  /** The size of the file in bytes. */
  readonly totalBytes: number;
}

/** The end of the request; always the last event. */
interface UploadEnded {
  /** The discriminator of the event types. */
  readonly type: 'end';
  /**
   * `stored` when the request succeeded, `failed` when it did not, `unknown` when no request with
   * this ID came within a minute.
   */
  readonly outcome: 'stored' | 'failed' | 'unknown';
}

/** The uploads of one ID and their watchers. */
interface Channel {
  readonly events: Subject<WxCloudUploadProgressEvent>;
  watchers: number;
  uploads: number;
}

/** Passes the progress of running uploads to their watchers, by an ID that both sides know. */
export class UploadProgressHub {
  readonly #channels = new Map<string, Channel>();

  /** Emits the events of an upload from now on; completes with the upload. */
  watch(id: string): Observable<WxCloudUploadProgressEvent> {
    return new Observable(subscriber => {
      const channel = this.#open(id);
      channel.watchers += 1;
      const subscription = channel.events.subscribe(subscriber);
      const timer = setTimeout(() => {
        if (channel.uploads > 0) return;
        subscriber.next({ type: 'end', outcome: 'unknown' });
        subscriber.complete();
      }, LONGEST_WAIT_MS);
      return () => {
        clearTimeout(timer);
        subscription.unsubscribe();
        channel.watchers -= 1;
        this.#close(id, channel);
      };
    });
  }

  /** Begins the upload of a request, which must be ended once. */
  begin(id: string): RunningUpload {
    const channel = this.#open(id);
    channel.uploads += 1;
    return new RunningUpload(channel.events, event => {
      channel.uploads -= 1;
      channel.events.next(event);
      // Later watchers wait for another request.
      if (this.#channels.get(id) === channel) this.#channels.delete(id);
      channel.events.complete();
    });
  }

  #open(id: string): Channel {
    const known = this.#channels.get(id);
    if (known !== undefined) return known;
    const channel = { events: new Subject<WxCloudUploadProgressEvent>(), watchers: 0, uploads: 0 };
    this.#channels.set(id, channel);
    return channel;
  }

  #close(id: string, channel: Channel): void {
    const isIdle = channel.watchers + channel.uploads === 0;
    if (isIdle && this.#channels.get(id) === channel) this.#channels.delete(id);
  }
}

/** The upload of one request. */
export class RunningUpload {
  readonly #events: Subject<WxCloudUploadProgressEvent>;
  readonly #onEnd: (event: UploadEnded) => void;
  readonly #reportedAtMs = new Map<number, number>();
  #isEnded = false;

  /** `onEnd` is called once. */
  constructor(events: Subject<WxCloudUploadProgressEvent>, onEnd: (event: UploadEnded) => void) {
    this.#events = events;
    this.#onEnd = onEnd;
  }

  /** Reports progress: at most ten times a second, and at the end of a file. */
  report(progress: Omit<FileProgressed, 'type'>): void {
    const { index, transferredBytes, totalBytes } = progress;
    const nowMs = performance.now();
    const isDue = nowMs - (this.#reportedAtMs.get(index) ?? -Infinity) >= LEAST_INTERVAL_MS;
    if (this.#isEnded || (!isDue && transferredBytes < totalBytes)) return;
    this.#reportedAtMs.set(index, nowMs);
    this.#events.next({ type: 'progress', ...progress });
  }

  /** Reports the end of the request. */
  end(isSuccess: boolean): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd({ type: 'end', outcome: isSuccess ? 'stored' : 'failed' });
  }
}
