import { AsyncLocalStorage } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import { runUntraced } from '../diagnostics.js';
import type { RequestHandler } from './response-handlers.js';

type ResponseEvents = Pick<RequestHandler<unknown>, ResponseEvent>;
type ResponseEvent =
  'onRequestStart' | 'onResponseStart' | 'onResponseData' | 'onResponseEnd' | 'onResponseError';

type Resume = ReturnType<typeof AsyncLocalStorage.snapshot>;

/**
 * Dispatches a request in a context where instrumentations of HTTP clients make no span of it: its
 * address would show a token. All that comes of it, and the reading of its body, runs in the
 * context of the caller, where the application makes spans of its own.
 */
export function dispatchUntraced(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  handler: ResponseEvents,
): void {
  const resume = AsyncLocalStorage.snapshot();
  const body = isIterator(options.body) ? resumeBody(options.body, resume) : options.body;
  const sent = { ...options, body } as Dispatcher.DispatchOptions;
  runUntraced(() => void dispatcher.dispatch(sent, resumeHandler(handler, resume)));
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

function resumeHandler(handler: ResponseEvents, resume: Resume): Dispatcher.DispatchHandler {
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
