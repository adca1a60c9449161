import { Observable, Subject } from 'rxjs';

/** How long a watcher waits for the request to come. */
const LONGEST_WAIT_MS = 60_000;
/** A page has no use for more events a second. */
const LEAST_INTERVAL_MS = 100;

/** How far the files of a request have got on their way from the application to the storage. */
export type WxCloudUploadProgressEvent = FileProgressed | UploadEnded;

/** A file has got further; its last event has as many transferred bytes as there are in all. */
interface FileProgressed {
  /** Tells the events apart. */
  readonly type: 'progress';
  /** Which file of the form it is, from 0, in the order of the form. */
  readonly index: number;
  /** The name of its form field. */
  readonly fieldname: string;
  /**
   * How many of its bytes were handed to the storage; starts from 0 again when the upload is
   * repeated.
   */
  readonly transferredBytes: number;
  /** How many it has. */
  readonly totalBytes: number;
}

/** The request has ended; the last event. */
interface UploadEnded {
  /** Tells the events apart. */
  readonly type: 'end';
  /**
   * `stored` when it was answered with success, `failed` when not; `unknown` when no such request
   * came within a minute.
   */
  readonly outcome: 'stored' | 'failed' | 'unknown';
}

/** The files of one ID and those who watch them. */
interface Channel {
  readonly events: Subject<WxCloudUploadProgressEvent>;
  watchers: number;
  uploads: number;
}

/**
 * Brings the progress of running uploads to those who watch them, by an ID that both sides know.
 */
export class UploadProgressHub {
  readonly #channels = new Map<string, Channel>();

  /** The events of one upload, from now on; completes with the upload. */
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

  /** A request with this ID has begun; to be ended once. */
  begin(id: string): RunningUpload {
    const channel = this.#open(id);
    channel.uploads += 1;
    return new RunningUpload(channel.events, event => {
      channel.uploads -= 1;
      channel.events.next(event);
      // Whoever watches from now on waits for another request.
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
  readonly #toldAtMs = new Map<number, number>();
  #isEnded = false;

  /** `onEnd` is called once. */
  constructor(events: Subject<WxCloudUploadProgressEvent>, onEnd: (event: UploadEnded) => void) {
    this.#events = events;
    this.#onEnd = onEnd;
  }

  /** A file has got further. Told ten times a second at most, and at its end. */
  report(progress: Omit<FileProgressed, 'type'>): void {
    const { index, transferredBytes, totalBytes } = progress;
    const nowMs = performance.now();
    const isDue = nowMs - (this.#toldAtMs.get(index) ?? -Infinity) >= LEAST_INTERVAL_MS;
    if (this.#isEnded || (!isDue && transferredBytes < totalBytes)) return;
    this.#toldAtMs.set(index, nowMs);
    this.#events.next({ type: 'progress', ...progress });
  }

  /** The request has ended. */
  end(isSuccess: boolean): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd({ type: 'end', outcome: isSuccess ? 'stored' : 'failed' });
  }
}
