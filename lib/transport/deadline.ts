import { setMaxListeners } from 'node:events';
import { RequestTimedOutError, WxCloudStorageError } from '../errors/index.js';

/** What bounds one call of a service method. */
export interface DeadlineParts {
  /** What is being done, for the error. */
  readonly operation: string;
  /** The bound in milliseconds. */
  readonly timeoutMs: number;
  /** The caller's own signals; any of them ends the call. */
  readonly signals: readonly (AbortSignal | undefined)[];
}

/** A signal that ends a call when its time is up or its caller gave up. */
export interface Deadline {
  /** Aborted with a {@link WxCloudStorageError} as its reason. */
  readonly signal: AbortSignal;
  /** Stops the timer and lets go of the caller's signals. */
  dispose(): void;
}

/**
 * A controller whose signal any number of calls may listen to: Node warns of a leak beyond ten, but calls in parallel are
 * none, as each lets go of the signal at its end.
 */
export function createSharedController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** The error for a call that its caller ended; the caller's reason is kept as the cause. */
export function abortedError(operation: string, reason: unknown): WxCloudStorageError {
  if (reason instanceof WxCloudStorageError) return reason;
  return new WxCloudStorageError({
    code: 'WX_CLOUD_REQUEST_ABORTED',
    message: `${operation}: the caller aborted it. Nothing needs to be done.`,
    endpoint: operation,
    cause: reason,
  });
}

/**
 * Starts the clock of one call. Dispose of it when the call has ended.
 */
export function startDeadline({ operation, timeoutMs, signals }: DeadlineParts): Deadline {
  const controller = createSharedController();
  const timer = setTimeout(() => {
    controller.abort(new RequestTimedOutError({ phase: 'total', endpoint: operation, timeoutMs }));
  }, timeoutMs);
  const given = signals.filter(signal => signal !== undefined);
  const onAbort = (event: Event): void => {
    controller.abort(abortedError(operation, (event.target as AbortSignal).reason));
  };
  for (const signal of given) {
    if (signal.aborted) controller.abort(abortedError(operation, signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
  }
  return {
    signal: controller.signal,
    dispose: () => {
      clearTimeout(timer);
      for (const signal of given) signal.removeEventListener('abort', onAbort);
    },
  };
}

/** Waits for a promise that others may share, but no longer than the signal allows; the promise itself goes on. */
export async function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return promise;
  // Others may share it; should nobody, its failure is not to end the process.
  promise.catch(() => {});
  signal.throwIfAborted();
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
