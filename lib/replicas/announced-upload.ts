import { later } from './replica-connection.js';
import {
  type FileProgress,
  MOST_FILES,
  type UploadNews,
  type UploadOutcome,
} from './replica-messages.js';

/** The minimum time between two messages: with that of the end, five in a second at most. */
const LEAST_INTERVAL_MS = 250;
/** The time without changes after which all is said again, for who has missed it. */
const REPEAT_MS = 5_000;
/** The most files of a request that are told of. */
const MOST_KNOWN_FILES = 1_000;
/** The most files, and characters of the names of their fields, that are kept after the end. */
const MOST_KEPT_FILES = 20;
const MOST_KEPT_CHARACTERS = 2_000;

/** The parts of a message that an upload decides. */
type Said = Pick<UploadNews, 'files' | 'outcome' | 'to' | 'turn'>;

/**
 * Tells other replicas of the progress of one request's files: what has changed, at most four times
 * a second, all of it every 5 seconds and for who asks, and the end.
 */
export class AnnouncedUpload {
  readonly #send: (said: Said) => void;
  readonly #files = new Map<number, FileProgress>();
  readonly #changed = new Set<number>();
  #turn = 0;
  #sentAtMs = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Infinity;
  #outcome: UploadOutcome | undefined;

  /** Sends nothing yet. */
  constructor(send: (said: Said) => void) {
    this.#send = send;
  }

  /** Takes the progress of a file. */
  report(state: FileProgress): void {
    if (this.#outcome !== undefined) return;
    const isKnown = this.#files.has(state.index);
    if (!isKnown && this.#files.size >= MOST_KNOWN_FILES) return;
    this.#files.set(state.index, state);
    this.#changed.add(state.index);
    this.#sendSoon();
  }

  /** Says all that is known again: soon, or after the end to that replica alone. */
  repeat(to: string): void {
    if (this.#outcome === undefined) {
      for (const index of this.#files.keys()) this.#changed.add(index);
      // A message without files still says that the upload runs.
      this.#sendSoon();
      return;
    }
    this.#sendAll([...this.#files.values()], this.#outcome, to);
  }

  /** Sends the last message. */
  end(outcome: UploadOutcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    clearTimeout(this.#timer);
    this.#sendAll(this.#takeChanged(), outcome);
    this.#keepFew();
  }

  /** Sends nothing any more. */
  stop(): void {
    this.#outcome ??= 'failed';
    clearTimeout(this.#timer);
  }

  #sendSoon(): void {
    const nowMs = performance.now();
    const dueAtMs = this.#sentAtMs + LEAST_INTERVAL_MS;
    if (dueAtMs <= nowMs) this.#sendChanged();
    else this.#wakeAt(dueAtMs, nowMs);
  }

  #sendChanged(): void {
    this.#sendAll(this.#takeChanged());
    const nowMs = performance.now();
    this.#sentAtMs = nowMs;
    clearTimeout(this.#timer);
    this.#timerAtMs = Infinity;
    this.#wakeAt(nowMs + REPEAT_MS, nowMs);
  }

  #wakeAt(atMs: number, nowMs: number): void {
    if (this.#timerAtMs <= atMs) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = later(() => {
      if (this.#changed.size === 0)
        for (const index of this.#files.keys()) this.#changed.add(index);
      this.#sendChanged();
    }, atMs - nowMs);
  }

  /** Ended uploads are remembered for a while: their outcome matters, and not every file. */
  #keepFew(): void {
    let [files, characters] = [0, 0];
    for (const { index, fieldname } of [...this.#files.values()].toReversed()) {
      files += 1;
      characters += fieldname.length;
      if (files > MOST_KEPT_FILES || characters > MOST_KEPT_CHARACTERS) this.#files.delete(index);
    }
  }

  #takeChanged(): readonly FileProgress[] {
    const files = [...this.#changed].flatMap(index => this.#files.get(index) ?? []);
    this.#changed.clear();
    return files;
  }

  #sendAll(files: readonly FileProgress[], outcome?: UploadOutcome, to?: string): void {
    let rest = files;
    do {
      const part = rest.slice(0, MOST_FILES);
      rest = rest.slice(MOST_FILES);
      this.#turn += 1;
      // The outcome ends the upload for its watchers, so it comes last.
      const isLast = rest.length === 0;
      this.#send({ turn: this.#turn, files: part, outcome: isLast ? outcome : undefined, to });
    } while (rest.length > 0);
  }
}
