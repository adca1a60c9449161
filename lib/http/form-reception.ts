import type { IncomingMessage } from 'node:http';
import { WxCloudStorageError } from '../errors/index.js';
import { formBroken, type FormReader } from '../form/index.js';

/** What receiving a form takes. */
export interface FormReceptionParts {
  /** Node's request. */
  readonly request: IncomingMessage;
  /** Given the bytes as they come. */
  readonly reader: FormReader;
  /** How long the client may send nothing, in milliseconds. */
  readonly idleMs: number;
}

/**
 * Receives a form from a request to its end, also when it has failed: an answer that comes while the client still sends
 * is lost on many of them. Only a client that stalls, or has gone, is not waited for.
 */
export class FormReception {
  readonly #parts: FormReceptionParts;
  /** Resolves when the form was read, and rejects when it has failed and nothing more of it is to come. */
  readonly ended: Promise<void>;
  #settle: () => void = () => {};
  #failure: { readonly error: Error } | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Starts to receive. */
  constructor(parts: FormReceptionParts) {
    this.#parts = parts;
    this.ended = new Promise((resolve, reject) => {
      this.#settle = () => (this.#failure === undefined ? resolve() : reject(this.#failure.error));
    });
    this.#listen();
  }

  /** Gives the form up; what is left of it is passed over. Of several errors the first one counts. */
  stop(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#parts.reader.fail(error);
    this.#parts.request.resume();
  }

  #listen(): void {
    const { request, idleMs } = this.#parts;
    if (request.readableEnded || request.destroyed) {
      // Something else has read it, or the client has left meanwhile.
      this.stop(formBroken());
      return this.#settle();
    }
    request.on('data', this.#onData);
    request.once('end', this.#onEnd);
    request.once('close', this.#onBreak);
    request.once('error', this.#onBreak);
    this.#timer = setTimeout(this.#onIdle, idleMs);
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#timer?.refresh();
    if (this.#failure !== undefined) return;
    try {
      this.#parts.reader.write(bytes);
    } catch (error) {
      this.stop(error as Error);
    }
  };

  readonly #onEnd = (): void => {
    if (this.#failure === undefined) {
      try {
        this.#parts.reader.end();
      } catch (error) {
        this.stop(error as Error);
      }
    }
    this.#finish();
  };

  readonly #onBreak = (): void => {
    this.stop(formBroken());
    this.#finish();
  };

  /** While a file is waited for that is stored more slowly than it comes, it is not the client that stalls. */
  readonly #onIdle = (): void => {
    if (this.#failure === undefined && this.#parts.request.isPaused()) {
      this.#timer?.refresh();
      return;
    }
    this.stop(stalled(this.#parts.idleMs));
    this.#finish();
  };

  #finish(): void {
    const { request } = this.#parts;
    clearTimeout(this.#timer);
    request.off('data', this.#onData);
    request.off('end', this.#onEnd);
    request.off('close', this.#onBreak);
    request.off('error', this.#onBreak);
    this.#settle();
  }
}

function stalled(idleMs: number): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_BODY_STALLED',
    message: `The form did not go on for ${idleMs} ms; nothing was stored. Send it faster, or raise timeouts.idleMs.`,
  });
}
