import { randomBytes } from 'node:crypto';
import type { StorageLogger } from '../diagnostics.js';
import type { ReplicaChannel } from '../options/replica-channel.js';
import { AnnouncedUpload } from './announced-upload.js';
import { ChangedFiles } from './changed-files.js';
import { later, ReplicaConnection } from './replica-connection.js';
import {
  decodeReplicaNews,
  decodeUploadNews,
  encodeReplicaNews,
  encodeUploadNews,
  MOST_QUESTIONS,
  newsTopic,
  progressTopic,
  type FileProgress,
  type ReplicaNews,
  type UploadOutcome,
  type UploadQuestion,
} from './replica-messages.js';
import { type UploadSink, WatchedUpload } from './watched-upload.js';

/** The most progress IDs that are watched on other replicas at a time. */
const MOST_WATCHED = 10_000;
/** The most uploads whose end is remembered, and for how long. */
const MOST_ENDED = 1_000;
const ENDED_MS = 60_000;
/** The time that the end of the instance waits for the channel. */
const CLOSE_MS = 1_000;

/** The links of this replica. */
interface ForgetfulCache {
  /** Removes the link of a file. */
  forget(fileId: string): void;
  /** Removes all links. */
  clear(): void;
}

/** An upload of this replica that others can watch. */
export interface SharedUpload {
  /** Reports the progress of a file. */
  report(state: FileProgress): void;
  /** Reports the end, once. */
  end(outcome: UploadOutcome): void;
}

/** A watch on the uploads of other replicas. */
export interface ReplicaWatch {
  /** The known progress of their files. */
  readonly files: readonly FileProgress[];
  /** The time of the last news by the monotonic clock, in milliseconds; -Infinity without any. */
  readonly heardAtMs: number;
  /** Ends the watch. */
  stop(): void;
}

interface EndedUpload {
  readonly upload: AnnouncedUpload;
  readonly endedAtMs: number;
}

/**
 * The connection of an instance with its other replicas: tells them of uploads and changed files,
 * and hears of theirs.
 */
export class Replicas {
  readonly #env: string;
  readonly #cache: ForgetfulCache;
  readonly #connection: ReplicaConnection;
  readonly #changedFiles: ChangedFiles;
  /** Names this replica in its messages. */
  readonly #self = randomBytes(12).toString('base64url');
  readonly #running = new Map<string, Set<AnnouncedUpload>>();
  readonly #ended = new Map<string, EndedUpload>();
  readonly #watches = new Set<WatchedUpload>();
  #questions: UploadQuestion[] = [];
  #isAsking = false;

  /** Subscribes to the news of the environment. */
  constructor(
    channel: ReplicaChannel,
    env: string,
    cache: ForgetfulCache,
    logger: Pick<StorageLogger, 'warn'>,
  ) {
    this.#env = env;
    this.#cache = cache;
    this.#connection = new ReplicaConnection(channel, logger, () => this.#reset());
    this.#changedFiles = new ChangedFiles(changed => this.#sendNews({ from: this.#self, changed }));
    this.#connection.subscribe(
      newsTopic(env),
      message => this.#takeNews(decodeReplicaNews(message, env)),
      // Links that were kept before may belong to files that have changed since.
      () => cache.clear(),
    );
  }

  /** Tells other replicas that files were deleted or replaced; never throws. */
  announceChanged(fileIds: readonly string[]): void {
    this.#changedFiles.add(fileIds);
  }

  /** Begins to tell other replicas of an upload, which must be ended. */
  shareUpload(id: string): SharedUpload {
    const run = randomBytes(9).toString('base64url');
    const topic = progressTopic(this.#env, id);
    const upload = new AnnouncedUpload(said => {
      const news = { from: this.#self, run, ...said };
      void this.#connection.publish(topic, encodeUploadNews(this.#env, id, news));
    });
    const uploads = this.#running.get(id) ?? new Set();
    this.#running.set(id, uploads.add(upload));
    return {
      report: state => upload.report(state),
      end: outcome => {
        upload.end(outcome);
        uploads.delete(upload);
        if (uploads.size === 0) this.#running.delete(id);
        this.#rememberEnd(id, upload);
      },
    };
  }

  /** Watches the uploads of a progress ID on other replicas. Beyond a number there is no news. */
  watchUploads(id: string, sink: UploadSink): ReplicaWatch {
    const beganAtMs = performance.now();
    const ask = (): void => this.#ask({ id, ageMs: performance.now() - beganAtMs });
    const watch = new WatchedUpload(this.#self, sink, ask);
    if (this.#watches.size >= MOST_WATCHED) return watch;
    const take = (message: unknown): void => {
      const news = decodeUploadNews(message, this.#env, id);
      if (news !== undefined && this.#watches.has(watch)) watch.take(news);
    };
    const unsubscribe = this.#connection.subscribe(progressTopic(this.#env, id), take, ask);
    this.#watches.add(watch);
    return {
      get files() {
        return watch.files;
      },
      get heardAtMs() {
        return watch.heardAtMs;
      },
      stop: () => {
        if (!this.#watches.delete(watch)) return;
        watch.stop();
        void unsubscribe();
      },
    };
  }

  /** Sends what is left, for a second at most, and ends all subscriptions. */
  async close(): Promise<void> {
    await withinLimit(this.#changedFiles.close());
    for (const watch of this.#watches) watch.stop();
    this.#watches.clear();
    for (const upload of [...this.#running.values()].flatMap(uploads => [...uploads]))
      upload.stop();
    this.#running.clear();
    this.#ended.clear();
    await withinLimit(this.#connection.close());
  }

  /** Messages may have been lost. */
  #reset(): void {
    this.#cache.clear();
    for (const watch of this.#watches) watch.askRepeatedly();
  }

  #takeNews(news: ReplicaNews | undefined): void {
    if (news === undefined || news.from === this.#self) return;
    if ('questions' in news) {
      for (const question of news.questions) this.#answer(news.from, question);
    } else if (news.changed === 'all') this.#cache.clear();
    else for (const fileId of news.changed) this.#cache.forget(fileId);
  }

  #answer(from: string, { id, ageMs }: UploadQuestion): void {
    for (const upload of this.#running.get(id) ?? []) upload.repeat(from);
    const ended = this.#ended.get(id);
    const sinceMs = performance.now() - Math.min(ageMs, ENDED_MS);
    if (ended !== undefined && ended.endedAtMs >= sinceMs) ended.upload.repeat(from);
  }

  #rememberEnd(id: string, upload: AnnouncedUpload): void {
    const endedAtMs = performance.now();
    this.#ended.delete(id);
    this.#ended.set(id, { upload, endedAtMs });
    for (const [oldest, ended] of this.#ended) {
      const isOld = endedAtMs - ended.endedAtMs > ENDED_MS;
      if (!isOld && this.#ended.size <= MOST_ENDED) break;
      this.#ended.delete(oldest);
    }
  }

  /** Asks together with the other questions of this turn of the event loop. */
  #ask(question: UploadQuestion): void {
    this.#questions.push(question);
    if (this.#isAsking) return;
    this.#isAsking = true;
    setImmediate(() => {
      const questions = this.#questions;
      this.#questions = [];
      this.#isAsking = false;
      for (let begin = 0; begin < questions.length; begin += MOST_QUESTIONS) {
        const some = questions.slice(begin, begin + MOST_QUESTIONS);
        void this.#sendNews({ from: this.#self, questions: some });
      }
    });
  }

  #sendNews(news: ReplicaNews): Promise<boolean> {
    return this.#connection.publish(newsTopic(this.#env), encodeReplicaNews(this.#env, news));
  }
}

async function withinLimit(ending: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>(resolve => {
    timer = later(resolve, CLOSE_MS);
  });
  await Promise.race([ending, limit]);
  clearTimeout(timer);
}
