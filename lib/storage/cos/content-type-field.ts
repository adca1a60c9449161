import { performance } from 'node:perf_hooks';
import type { StorageLogger } from '../../diagnostics.js';

/** Number of paths at which the storage has to refuse the field. */
const NEEDED_PATHS = 3;
/** Time for which the field is omitted before one upload tries it again, in milliseconds. */
const OMITTED_MS = 600_000;

/**
 * Decides if uploads send the extra form field `Content-Type`. Without it COS stores every object
 * as `application/octet-stream`, but no document says that the signature of WeChat permits it. So
 * the field is sent, and a refused form is repeated without it. The field is omitted only after
 * that has succeeded at several paths and no form with the field was ever accepted; it is tried
 * again every 10 minutes. A single odd response thus affects one upload at most.
 */
export class ContentTypeField {
  readonly #logger: StorageLogger;
  readonly #now: () => number;
  readonly #paths = new Set<string>();
  #isAccepted = false;
  #omittedUntilMs: number | undefined;

  /** Starts with the field. `now` is a monotonic clock in milliseconds. */
  constructor(logger: StorageLogger, now = (): number => performance.now()) {
    this.#logger = logger;
    this.#now = now;
  }

  /** True when forms normally send the field; for forms of clients, whose outcome is unknown. */
  get isSent(): boolean {
    return this.#omittedUntilMs === undefined;
  }

  /**
   * True when a form with the field was ever accepted, so that the field cannot be the reason for a
   * refusal.
   */
  get isAccepted(): boolean {
    return this.#isAccepted;
  }

  /**
   * True when the next upload sends the field. While it is omitted, one upload in 10 minutes sends
   * it as a trial.
   */
  decide(): boolean {
    if (this.#omittedUntilMs === undefined) return true;
    const now = this.#now();
    if (now < this.#omittedUntilMs) return false;
    this.#omittedUntilMs = now + OMITTED_MS;
    return true;
  }

  /** Records that COS accepted a form with the field. */
  accept(): void {
    this.#isAccepted = true;
    this.#paths.clear();
    if (this.#omittedUntilMs === undefined) return;
    this.#omittedUntilMs = undefined;
    this.#logger.log('The storage accepts uploads with a content type again.');
  }

  /**
   * Records that COS refused the form with the field for a path, and accepted the one without it.
   */
  blame(cloudPath: string): void {
    if (this.#isAccepted || this.#omittedUntilMs !== undefined) return;
    this.#paths.add(cloudPath);
    if (this.#paths.size < NEEDED_PATHS) return;
    this.#paths.clear();
    this.#omittedUntilMs = this.#now() + OMITTED_MS;
    this.#logger.warn(
      `The storage refuses uploads with a content type (the last ${NEEDED_PATHS} of them), so they are sent without one, ` +
        'and files will be served as application/octet-stream. It is tried again every 10 minutes.',
    );
  }
}
