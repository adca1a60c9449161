import type { IncomingMessage } from 'node:http';
import { OptionsInvalidError, WxCloudStorageError } from '../errors/index.js';
import { formBroken, type FormReader } from '../form/index.js';

/** What receiving a form takes. */
export interface FormReceptionParts {
  /** Node's request. */
  readonly request: IncomingMessage;
  /** Given the bytes as they come. */
  readonly reader: FormReader;
  /** How long the client may send nothing, in milliseconds. */
  readonly idleMs: number;
  /** Told at once what is wrong with the form, or with its client. */
  readonly onFailure: (error: Error) => unknown;
}

/**
 * Receives a form from a request to its end, also when it has failed: an answer that comes while the client still sends
 * is lost on many of them. Only a client that stalls, or has gone, is not waited for.
 */
export class FormReception {
  readonly #parts: FormReceptionParts;
  #setEnded: () => void = () => {};
  /** Resolves when nothing more of the form is to come, whatever has come of it. */
  readonly ended = new Promise<void>(resolve => (this.#setEnded = resolve));
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;

  /** Takes a request whose form nobody has read. Nothing is called before {@link start}. */
  constructor(parts: FormReceptionParts) {
    this.#parts = parts;
  }

  /** Gives the form up; what is left of it is passed over. */
  stop(error: Error): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#parts.reader.fail(error);
    this.#parts.request.resume();
  }

  #fail(error: Error): void {
    if (this.#isStopped) return;
    this.stop(error);
    this.#parts.onFailure(error);
  }

  /** Starts to receive. */
  start(): void {
    const { request, idleMs } = this.#parts;
    if (request.readableEnded || request.destroyed) {
      this.#fail(request.readableEnded ? readAlready() : formBroken());
      return this.#setEnded();
    }
    request.on('data', this.#onData);
    // Whoever has paused it before does not know when it is read. From now on it is only a file's queue that does so.
    if (request.isPaused()) request.resume();
    request.once('end', this.#onEnd);
    request.once('close', this.#onBreak);
    request.once('error', this.#onBreak);
    this.#timer = setTimeout(this.#onIdle, idleMs);
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#timer?.refresh();
    if (this.#isStopped) return;
    try {
      this.#parts.reader.write(bytes);
    } catch (error) {
      this.#fail(error as Error);
    }
  };

  readonly #onEnd = (): void => {
    if (!this.#isStopped) {
      try {
        this.#parts.reader.end();
      } catch (error) {
        this.#fail(error as Error);
      }
    }
    this.#finish();
  };

  readonly #onBreak = (): void => {
    this.#fail(formBroken());
    this.#finish();
  };

  /** While a file is waited for that is stored more slowly than it comes, it is not the client that stalls. */
  readonly #onIdle = (): void => {
    if (!this.#isStopped && this.#parts.request.isPaused()) {
      this.#timer?.refresh();
      return;
    }
    this.#fail(stalled(this.#parts.idleMs));
    this.#finish();
  };

  #finish(): void {
    const { request } = this.#parts;
    clearTimeout(this.#timer);
    request.off('data', this.#onData);
    request.off('end', this.#onEnd);
    request.off('close', this.#onBreak);
    request.off('error', this.#onBreak);
    this.#setEnded();
  }
}

/** The client has done nothing wrong. */
function readAlready(): OptionsInvalidError {
  return new OptionsInvalidError({
    option: 'form',
    expected: 'read by one upload interceptor; something else has read it before',
    remedy: 'Use one on a route, and no other form parser before it.',
  });
}

function stalled(idleMs: number): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_BODY_STALLED',
    message: `The form did not go on for ${idleMs} ms; nothing was stored. Send it faster, or raise timeouts.idleMs.`,
  });
}
