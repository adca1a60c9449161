import { Failure, limits, sendImage } from './api.js';

const AT_ONCE = 3;

/**
 * Sends files, three at once. An upload is `{ file, state, percent, failure, cancel }`, where `state` is one of waiting,
 * sending, storing, stored, failed and cancelled.
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

  /** Takes a file; one that is too large is not even sent. */
  add(file) {
    const upload = { file, state: 'waiting', percent: 0, failure: undefined };
    upload.cancel = () => this.#cancelWaiting(upload);
    this.#enqueue(upload);
    return upload;
  }

  /** Tries an upload again that failed or was cancelled. */
  retry(upload) {
    upload.cancel = () => this.#cancelWaiting(upload);
    this.#enqueue(upload);
  }

  #enqueue(upload) {
    if (upload.file.size > limits.fileSizeBytes) {
      this.#change(upload, { state: 'failed', failure: Failure.tooLarge() });
      return;
    }
    this.#waiting.push(upload);
    this.#change(upload, { state: 'waiting', percent: 0, failure: undefined });
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
    this.#change(upload, { state: 'sending', percent: 0 });
    const { answer, cancel } = sendImage(upload.file, share => {
      const percent = Math.round(share * 100);
      this.#change(upload, { state: percent < 100 ? 'sending' : 'storing', percent });
    });
    upload.cancel = cancel;
    try {
      const image = await answer;
      this.#change(upload, { state: 'stored', percent: 100 });
      this.#onStored(image);
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
