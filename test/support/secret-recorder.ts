import { Agent, DecoratorHandler, type Dispatcher } from 'undici';

/** A dispatcher that records every credential it sends, to look for them where they must not be. */
export interface SecretRecorder {
  readonly dispatcher: Dispatcher;
  readonly secrets: ReadonlySet<string>;
  close(): Promise<void>;
}

const SECRET_MEMBERS = ['access_token', 'token', 'authorization', 'cos_file_id'];

/** Starts to record. */
export function recordSecrets(): SecretRecorder {
  const secrets = new Set<string>();
  const agent = new Agent();
  const dispatcher = agent.compose(
    dispatch => (options, handler) => dispatch(options, new RecordingHandler(handler, secrets)),
  );
  return { dispatcher, secrets, close: () => agent.destroy() };
}

class RecordingHandler extends DecoratorHandler {
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #secrets: Set<string>;
  #text = '';

  constructor(handler: Dispatcher.DispatchHandler, secrets: Set<string>) {
    super(handler);
    this.#handler = handler;
    this.#secrets = secrets;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#text += chunk.toString('latin1');
    this.#handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController, trailers: Record<string, string>): void {
    for (const name of SECRET_MEMBERS) {
      const value = new RegExp(`"${name}":\\s*"([^"]+)"`).exec(this.#text)?.[1];
      if (value !== undefined) this.#secrets.add(value);
    }
    for (const [, value] of this.#text.matchAll(/[?&]sign=([\da-f]+)/g))
      this.#secrets.add(value ?? '');
    const signature = /q-signature=([\da-f]+)/.exec(this.#text)?.[1];
    if (signature !== undefined) this.#secrets.add(signature);
    this.#handler.onResponseEnd?.(controller, trailers);
  }
}
