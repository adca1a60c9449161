import type { StorageLogger } from './storage-logger.js';

/**
 * Whether uploads send the extra form field `Content-Type`. Without it COS stores every object as
 * `application/octet-stream`; but no document says that WeChat's signature permits it. So it is sent until COS refuses a
 * form; the next one then goes without it, and if that is taken, all later ones do.
 */
export class ContentTypeField {
  readonly #logger: StorageLogger;
  #state: 'sent' | 'suspected' | 'left-out' = 'sent';

  /** Sent at first. */
  constructor(logger: StorageLogger) {
    this.#logger = logger;
  }

  /** Whether the next form is to carry it. */
  get isSent(): boolean {
    return this.#state === 'sent';
  }

  /** COS refused a form for its shape or signature. Says whether it is worth repeating it without the field. */
  suspect(wasSent: boolean): boolean {
    if (this.#state === 'left-out') return false;
    this.#state = wasSent ? 'suspected' : 'sent';
    return wasSent;
  }

  /** COS took a form: one without the field, while it is suspected, proves the suspicion. */
  confirm(wasSent: boolean): void {
    if (this.#state !== 'suspected') return;
    if (wasSent) {
      this.#state = 'sent';
      return;
    }
    this.#state = 'left-out';
    this.#logger.warn(
      'The storage refuses uploads that carry a content type, so they go without one from now on; ' +
        'files will be served as application/octet-stream.',
    );
  }
}
