import { performance } from 'node:perf_hooks';
import type { StorageLogger } from '../../diagnostics.js';

/** So many paths have to show that the storage refuses the field. */
const NEEDED_PATHS = 3;
/** The time for which the field is left out before one upload tries it again. */
const LEFT_OUT_MS = 600_000;

/**
 * Decides whether uploads send the extra form field `Content-Type`. Without it COS stores every
 * object as `application/octet-stream`; but no document says that WeChat's signature permits it. So
 * it is sent, and a form that is refused goes once more without it. Only when that was taken at
 * several paths, and no form with the field ever was, is the field left out, and tried again every
 * 10 minutes: one odd answer changes one upload at most.
 */
export class ContentTypeField {
  readonly #logger: StorageLogger;
  readonly #now: () => number;
  readonly #paths = new Set<string>();
  #isAccepted = false;
  #leftOutUntilMs: number | undefined;

  /** Sent at first. `now` is a monotonic clock in milliseconds. */
  constructor(logger: StorageLogger, now = (): number => performance.now()) {
    this.#logger = logger;
    this.#now = now;
  }

  /**
   * True when forms carry it as a rule; for those that are given away and whose end is not seen.
   */
  get isSent(): boolean {
    return this.#leftOutUntilMs === undefined;
  }

  /**
   * True when a form with the field was ever taken, so that the field is no reason for a refusal.
   */
  get isAccepted(): boolean {
    return this.#isAccepted;
  }

  /**
   * Says whether the next upload sends it. While it is left out, one upload in 10 minutes does, as
   * a trial.
   */
  decide(): boolean {
    if (this.#leftOutUntilMs === undefined) return true;
    const now = this.#now();
    if (now < this.#leftOutUntilMs) return false;
    this.#leftOutUntilMs = now + LEFT_OUT_MS;
    return true;
  }

  /** COS took a form with the field. */
  accept(): void {
    this.#isAccepted = true;
    this.#paths.clear();
    if (this.#leftOutUntilMs === undefined) return;
    this.#leftOutUntilMs = undefined;
    this.#logger.warn('The storage takes uploads that carry a content type again.');
  }

  /** COS refused the form with the field for a path, and took the one without it. */
  blame(cloudPath: string): void {
    if (this.#isAccepted || this.#leftOutUntilMs !== undefined) return;
    this.#paths.add(cloudPath);
    if (this.#paths.size < NEEDED_PATHS) return;
    this.#paths.clear();
    this.#leftOutUntilMs = this.#now() + LEFT_OUT_MS;
    this.#logger.warn(
      `The storage refuses uploads that carry a content type (the last ${NEEDED_PATHS} of them), so they go without one, ` +
        'and files will be served as application/octet-stream. It is tried again every 10 minutes.',
    );
  }
}
