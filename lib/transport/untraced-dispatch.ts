import { AsyncLocalStorage } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import { runUntraced } from '../diagnostics.js';
import { type RequestHandler, StreamingHandler } from './response-handlers.js';

type Resume = ReturnType<typeof AsyncLocalStorage.snapshot>;

/**
 * Dispatches a request in a context where instrumentations of HTTP clients make no span of it: its
 * address would show a token. A response that is read, and the reading of the request's body, run
 * in the context of the caller, where the application makes spans of its own.
 */
export function dispatchUntraced(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  handler: RequestHandler<never>,
): void {
  const { body } = options;
  const isBodyRead = isIterator(body);
  // A whole response is only awaited, and what awaits it has a context of its own.
  const isResponseRead = handler instanceof StreamingHandler;
  if (!isBodyRead && !isResponseRead) {
    return runUntraced(() => void dispatcher.dispatch(options, handler));
  }
  const resume = AsyncLocalStorage.snapshot();
  const sent = isBodyRead ? { ...options, body: resumeBody(body, resume) } : options;
  const heard = isResponseRead ? resumeHandler(handler, resume) : handler;
  // undici sends any async iterable; its types name only streams.
  runUntraced(() => void dispatcher.dispatch(sent as Dispatcher.DispatchOptions, heard));
}

function isIterator(body: unknown): body is AsyncIterableIterator<Uint8Array> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

function resumeBody(
  chunks: AsyncIterableIterator<Uint8Array>,
  resume: Resume,
): AsyncIterableIterator<Uint8Array> {
  return {
    next: () => resume(() => chunks.next()),
    return: async () => {
      await resume(async () => chunks.return?.());
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function resumeHandler(handler: StreamingHandler, resume: Resume): Dispatcher.DispatchHandler {
  return {
    onRequestStart: controller => resume(() => handler.onRequestStart(controller)),
    onResponseStart: (controller, status, headers) =>
      resume(() => handler.onResponseStart(controller, status, headers)),
    onResponseData: (controller, chunk) => resume(() => handler.onResponseData(controller, chunk)),
    onResponseEnd: () => resume(() => handler.onResponseEnd()),
    onResponseError: (controller, error) =>
      resume(() => handler.onResponseError(controller, error)),
  };
}
