import { Observable, Subject } from 'rxjs';
import type { ReplicaWatch, Replicas, SharedUpload } from '../replicas/replicas.js';

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
   * this ID came within a minute, or the replica that receives it was not heard of for a minute.
   */
  readonly outcome: 'stored' | 'failed' | 'unknown';
}

type Progress = Omit<FileProgressed, 'type'>;

/** The uploads of one ID and their watchers. */
interface Channel {
  readonly events: Subject<WxCloudUploadProgressEvent>;
  readonly uploads: Set<RunningUpload>;
  watchers: number;
  /** Watches on other replicas, while there are watchers here. */
  readonly elsewhere: Map<Replicas, ReplicaWatch>;
}

/** Passes the progress of running uploads to their watchers, by an ID that both sides know. */
export class UploadProgressHub {
  readonly #channels = new Map<string, Channel>();
  readonly #replicas = new Set<Replicas>();

  /** Has uploads of other replicas watched, too, from now on also for those who watch already. */
  addReplicas(replicas: Replicas): void {
    this.#replicas.add(replicas);
    for (const [id, channel] of this.#channels) {
      if (channel.watchers > 0) this.#watchOn(replicas, id, channel);
    }
  }

  /** Ends what {@link UploadProgressHub.addReplicas} began, also for those who watch. */
  removeReplicas(replicas: Replicas): void {
    this.#replicas.delete(replicas);
    for (const { elsewhere } of this.#channels.values()) {
      elsewhere.get(replicas)?.stop();
      elsewhere.delete(replicas);
    }
  }

  /**
   * Emits the present progress of all files, then the events of an upload from now on; completes
   * with the upload.
   */
  watch(id: string): Observable<WxCloudUploadProgressEvent> {
    return new Observable(subscriber => {
      const channel = this.#open(id);
      for (const { files } of [...channel.uploads, ...channel.elsewhere.values()]) {
        for (const file of files) subscriber.next({ type: 'progress', ...file });
      }
      channel.watchers += 1;
      const subscription = channel.events.subscribe(subscriber);
      if (channel.watchers === 1) {
        for (const replicas of this.#replicas) this.#watchOn(replicas, id, channel);
      }
      const stopWaiting = whenGivenUp(channel, () => {
        subscriber.next({ type: 'end', outcome: 'unknown' });
        subscriber.complete();
      });
      return () => {
        stopWaiting();
        subscription.unsubscribe();
        channel.watchers -= 1;
        this.#close(id, channel);
      };
    });
  }

  /**
   * Begins the upload of a request, which must be ended once. `replicas` are told of it; undefined
   * for none.
   */
  begin(id: string, replicas?: Replicas): RunningUpload {
    const channel = this.#open(id);
    const upload = new RunningUpload(channel.events, replicas?.shareUpload(id), event => {
      channel.uploads.delete(upload);
      this.#end(id, channel, event);
    });
    channel.uploads.add(upload);
    return upload;
  }

  #watchOn(replicas: Replicas, id: string, channel: Channel): void {
    const sink = {
      progress: (progress: Progress) => channel.events.next({ type: 'progress', ...progress }),
      end: (outcome: UploadEnded['outcome']) => this.#end(id, channel, { type: 'end', outcome }),
    };
    channel.elsewhere.set(replicas, replicas.watchUploads(id, sink));
  }

  #end(id: string, channel: Channel, event: UploadEnded): void {
    channel.events.next(event);
    // Later watchers wait for another request.
    if (this.#channels.get(id) === channel) this.#channels.delete(id);
    channel.events.complete();
  }

  #open(id: string): Channel {
    const known = this.#channels.get(id);
    if (known !== undefined) return known;
    const channel: Channel = {
      events: new Subject<WxCloudUploadProgressEvent>(),
      uploads: new Set(),
      watchers: 0,
      elsewhere: new Map(),
    };
    this.#channels.set(id, channel);
    return channel;
  }

  #close(id: string, channel: Channel): void {
    if (channel.watchers > 0) return;
    for (const watch of channel.elsewhere.values()) watch.stop();
    channel.elsewhere.clear();
    const isIdle = channel.uploads.size === 0;
    if (isIdle && this.#channels.get(id) === channel) this.#channels.delete(id);
  }
}

/**
 * Calls back when a watcher has waited long enough: no upload runs here, and nothing was heard of
 * one elsewhere. Returns a function that ends the wait.
 */
function whenGivenUp(channel: Channel, callback: () => void): () => void {
  const wait = (ms: number): NodeJS.Timeout =>
    setTimeout(() => {
      if (channel.uploads.size > 0) return;
      const heard = [...channel.elsewhere.values()].map(watch => watch.heardAtMs);
      const heardAtMs = Math.max(...heard, -Infinity);
      const leftMs = heardAtMs + LONGEST_WAIT_MS - performance.now();
      if (leftMs > 0) timer = wait(leftMs);
      else callback();
    }, ms);
  let timer = wait(LONGEST_WAIT_MS);
  return () => clearTimeout(timer);
}

/** The upload of one request. */
export class RunningUpload {
  readonly #events: Subject<WxCloudUploadProgressEvent>;
  readonly #shared: SharedUpload | undefined;
  readonly #onEnd: (event: UploadEnded) => void;
  readonly #reported = new Map<number, { readonly atMs: number; readonly progress: Progress }>();
  #isEnded = false;

  /** `onEnd` is called once. `shared` tells other replicas of the upload; undefined for none. */
  constructor(
    events: Subject<WxCloudUploadProgressEvent>,
    shared: SharedUpload | undefined,
    onEnd: (event: UploadEnded) => void,
  ) {
    this.#events = events;
    this.#shared = shared;
    this.#onEnd = onEnd;
  }

  /** The last reported progress of each file. */
  get files(): readonly Progress[] {
    return [...this.#reported.values()].map(({ progress }) => progress);
  }

  /** Reports progress: at most ten times a second, and at the end of a file. */
  report(progress: Progress): void {
    const { index, transferredBytes, totalBytes } = progress;
    const nowMs = performance.now();
    const isDue = nowMs - (this.#reported.get(index)?.atMs ?? -Infinity) >= LEAST_INTERVAL_MS;
    if (this.#isEnded || (!isDue && transferredBytes < totalBytes)) return;
    this.#reported.set(index, { atMs: nowMs, progress });
    this.#events.next({ type: 'progress', ...progress });
    this.#shared?.report(progress);
  }

  /** Reports the end of the request. */
  end(isSuccess: boolean): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const outcome = isSuccess ? 'stored' : 'failed';
    this.#shared?.end(outcome);
    this.#onEnd({ type: 'end', outcome });
  }
}
