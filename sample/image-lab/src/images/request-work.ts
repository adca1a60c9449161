import type { ServerResponse } from 'node:http';
import { createParamDecorator, Logger, type ExecutionContext } from '@nestjs/common';

type Undo = () => unknown;

/**
 * The work of a request so far. If the response is an error, or the client disconnects before the
 * response has arrived, all of it is undone in reverse order.
 */
export class RequestWork {
  readonly #controller = new AbortController();
  readonly #undos: Undo[] = [];
  readonly #callbacks: (() => void)[] = [];
  #hasFailed = false;
  #isOver = false;

  constructor(response: ServerResponse) {
    let isSent = response.writableFinished;
    const end = (): void => {
      if (!isSent || response.statusCode >= 400) void this.#fail();
      this.#isOver = true;
      for (const callback of this.#callbacks.splice(0)) callback();
    };
    response.once('finish', () => (isSent = true));
    if (response.closed) end();
    else response.once('close', end);
  }

  /** Aborts when the request has failed. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Registers a function that undoes a step. */
  done(undo: Undo): void {
    this.#undos.push(undo);
    if (this.#hasFailed) void this.#fail();
  }

  /** Calls a function when the response has been sent or the client has disconnected. */
  whenOver(callback: () => void): void {
    if (this.#isOver) callback();
    else this.#callbacks.push(callback);
  }

  async #fail(): Promise<void> {
    this.#hasFailed = true;
    this.#controller.abort();
    for (let undo = this.#undos.pop(); undo !== undefined; undo = this.#undos.pop()) {
      try {
        await undo();
      } catch (error) {
        Logger.warn(`A failed request left something behind: ${String(error)}`, RequestWork.name);
      }
    }
  }
}

const works = new WeakMap<ServerResponse, RequestWork>();

/**
 * Returns the {@link RequestWork} of a request: the same one for its interceptors and its handler.
 */
export function workOf(context: ExecutionContext): RequestWork {
  const response = context.switchToHttp().getResponse<ServerResponse>();
  const work = works.get(response) ?? new RequestWork(response);
  works.set(response, work);
  return work;
}

/** Injects the {@link RequestWork} of the request into a handler. */
export const Work = createParamDecorator((_: unknown, context: ExecutionContext) => {
  return workOf(context);
});
