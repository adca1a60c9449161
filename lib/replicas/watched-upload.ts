import { later } from './replica-connection.js';
import type { FileProgress, UploadNews, UploadOutcome } from './replica-messages.js';

/** The time without news after which an upload is asked for. */
const SILENCE_MS = 10_000;
/** The most requests that are followed under one progress ID. */
const MOST_RUNS = 4;
/** The most files of a request that are followed, and characters of the names of their fields. */
const MOST_FILES_OF_RUN = 1_000;
const MOST_CHARACTERS_OF_RUN = 16_384;

/** Receiver of the progress of uploads on other replicas. */
export interface UploadSink {
  /** Receives the changed progress of a file. */
  progress(state: FileProgress): void;
  /** Receives the end of a request. */
  end(outcome: UploadOutcome): void;
}

/** A request on another replica. */
interface Run {
  /** The number of the last message. */
  turn: number;
  /** Characters of the names of fields. */
  characters: number;
  readonly files: Map<number, FileProgress>;
}

/** Follows the uploads of one progress ID on other replicas, from their messages. */
export class WatchedUpload {
  readonly #self: string;
  readonly #sink: UploadSink;
  readonly #ask: () => void;
  readonly #runs = new Map<string, Run>();
  #heardAtMs = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  /** `self` names this replica, whose own messages are ignored. `ask` asks for uploads. */
  constructor(self: string, sink: UploadSink, ask: () => void) {
    this.#self = self;
    this.#sink = sink;
    this.#ask = ask;
  }

  /** The known progress of all files, for who begins to watch. */
  get files(): readonly FileProgress[] {
    return [...this.#runs.values()].flatMap(({ files }) => [...files.values()]);
  }

  /** The time of the last message of an upload, by the monotonic clock; -Infinity before one. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Takes a message. */
  take({ from, to, run: name, turn, files, outcome }: UploadNews): void {
    if (from === this.#self || (to !== undefined && to !== this.#self)) return;
    const run = this.#findRun(`${from} ${name}`);
    // An older message than the last one.
    if (turn <= run.turn) return;
    run.turn = turn;
    this.#heardAtMs = performance.now();
    this.#askAfterSilence();
    for (const file of files) this.#takeFile(run, file);
    if (outcome !== undefined) this.#sink.end(outcome);
  }

  /** Asks now, and again after each silence, as the question may be lost like the news before. */
  askRepeatedly(): void {
    this.#ask();
    this.#askAfterSilence();
  }

  /** Ends the watch. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #findRun(key: string): Run {
    const known = this.#runs.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#runs.keys();
    if (oldest !== undefined && this.#runs.size >= MOST_RUNS) this.#runs.delete(oldest);
    const run = { turn: 0, characters: 0, files: new Map<number, FileProgress>() };
    this.#runs.set(key, run);
    return run;
  }

  #takeFile(run: Run, state: FileProgress): void {
    const { files } = run;
    const known = files.get(state.index);
    const growth = state.fieldname.length - (known?.fieldname.length ?? 0);
    const isFull = known === undefined && files.size >= MOST_FILES_OF_RUN;
    if (isFull || run.characters + growth > MOST_CHARACTERS_OF_RUN) return;
    run.characters += growth;
    files.set(state.index, state);
    const isSame =
      known?.transferredBytes === state.transferredBytes && known.totalBytes === state.totalBytes;
    if (!isSame) this.#sink.progress(state);
  }

  /** The end may have been lost, or the replica. */
  #askAfterSilence(): void {
    clearTimeout(this.#timer);
    this.#timer = later(() => {
      this.#ask();
      this.#askAfterSilence();
    }, SILENCE_MS);
  }
}
