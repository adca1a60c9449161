import { findFileProblem } from './find-file-problem.js';
import { sendThroughApplication } from './send-through-application.js';
import { sendToCloud } from './send-to-cloud.js';

/** A browser has six connections to a server, and an upload takes two: the page keeps some. */
const AT_ONCE = 2;

const AT_START = { application: 0, cloud: 0, expiresAt: undefined, failure: undefined };

/**
 * Sends files, two at once. An upload is `{ file, isDirect, usesCos, state, application, cloud,
 * expiresAt, failure, cancel }`: `state` is one of waiting, asking, sending, storing, checking,
 * stored, failed and cancelled; `application` and `cloud` are the shares of the file that have
 * arrived there.
 */
export class UploadQueue {
  #waiting = [];
  #running = 0;
  #onChange;
  #onStored;

  constructor({ onChange, onStored }) {
    this.#onChange = onChange;
    this.#onStored = onStored;
  }

  /**
   * Takes a file, to be sent through the application (with an upload link or with keys of the
   * bucket) or straight to the cloud. One that the lab
   * would refuse is not even sent.
   */
  add(file, { isDirect, usesCos }) {
    void this.retry({ file, isDirect, usesCos });
  }

  /** Tries an upload again that failed or was cancelled. */
  async retry(upload) {
    const attempt = Symbol(upload.file.name);
    upload.attempt = attempt;
    upload.cancel = () => this.#cancelWaiting(upload);
    this.#change(upload, { ...AT_START, state: 'waiting' });
    const failure = await findFileProblem(upload.file);
    // It was cancelled meanwhile, and perhaps started again.
    if (upload.attempt !== attempt || upload.state !== 'waiting') return;
    if (failure !== undefined) {
      this.#change(upload, { state: 'failed', failure });
      return;
    }
    this.#waiting.push(upload);
    this.#startNext();
  }

  #cancelWaiting(upload) {
    this.#waiting = this.#waiting.filter(other => other !== upload);
    this.#change(upload, { state: 'cancelled' });
  }

  #startNext() {
    while (this.#running < AT_ONCE && this.#waiting.length > 0) {
      void this.#send(this.#waiting.shift());
    }
  }

  async #send(upload) {
    this.#running += 1;
    this.#change(upload, { state: 'sending' });
    const controller = new AbortController();
    upload.cancel = () => controller.abort();
    const send = upload.isDirect ? sendToCloud : sendThroughApplication;
    const report = changes => this.#change(upload, changes);
    try {
      const { file, usesCos } = upload;
      const image = await send(file, { signal: controller.signal, report, usesCos });
      this.#change(upload, { state: 'stored' });
      this.#onStored(upload, image);
    } catch (failure) {
      const state = failure.key === 'upload.cancelled' ? 'cancelled' : 'failed';
      this.#change(upload, { state, failure });
    } finally {
      this.#running -= 1;
      this.#startNext();
    }
  }

  #change(upload, changes) {
    Object.assign(upload, changes);
    this.#onChange(upload);
  }
}
