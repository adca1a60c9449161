import { setMaxListeners } from 'node:events';
import { performance } from 'node:perf_hooks';
import { RequestTimedOutError, WxCloudStorageError } from '../errors/errors.js';

/** The largest difference between two clocks that adjustments of the wall clock explain. */
const TOLERANCE_MS = 1_000;

/**
 * Creates a clock that never goes back and keeps running while the machine or the container is
 * suspended, when the monotonic clock stands still on many platforms. The lead that the wall clock
 * gains over the monotonic clock is added. A wall clock that is set forward makes kept values look
 * older once, which costs a fetch; one that is set back changes nothing.
 */
export function createElapsedClock(
  monotonicMs = (): number => performance.now(),
  wallMs = (): number => Date.now(),
): () => number {
  let skippedMs = 0;
  let aheadMs = wallMs() - monotonicMs();
  return () => {
    const nowMs = monotonicMs();
    const nowAheadMs = wallMs() - nowMs;
    if (nowAheadMs > aheadMs + TOLERANCE_MS) {
      skippedMs += nowAheadMs - aheadMs;
      aheadMs = nowAheadMs;
    } else if (nowAheadMs < aheadMs) aheadMs = nowAheadMs;
    return nowMs + skippedMs;
  };
}

/**
 * Milliseconds on the clock of this process for the age of tokens and links; see
 * {@link createElapsedClock}.
 */
export const elapsedMs = createElapsedClock();

/** A signal that ends a call after its time limit or on its caller's abort. */
export interface Deadline {
  /** Aborted with a {@link WxCloudStorageError} as its reason. */
  readonly signal: AbortSignal;
  /** Ends the call at once. */
  end(reason: WxCloudStorageError): void;
  /** Stops the timer and releases the caller's signal. */
  dispose(): void;
}

/**
 * Creates a controller whose signal takes any number of listeners. Node warns of a leak beyond ten,
 * but parallel calls are not a leak: each releases the signal at its end.
 */
export function createSharedController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** Creates the error for a call that its caller aborted; the caller's reason becomes the cause. */
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
 * Starts the deadline of one call, which has to be disposed of at the end of the call.
 * @param operation - names the call in errors
 * @param timeoutMs - the time limit in milliseconds
 * @param given - the caller's own signal, which also ends the call
 * @param phase - the option that sets the limit, for the error
 */
export function startDeadline(
  operation: string,
  timeoutMs: number,
  given?: AbortSignal,
  phase: 'total' | 'token' = 'total',
): Deadline {
  const controller = createSharedController();
  const end = (reason: WxCloudStorageError): void => controller.abort(reason);
  const timer = setTimeout(() => {
    end(new RequestTimedOutError({ phase, endpoint: operation, timeoutMs }));
  }, timeoutMs);
  const onAbort = (): void => end(abortedError(operation, given?.reason));
  if (given?.aborted === true) onAbort();
  given?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    end,
    dispose: () => {
      clearTimeout(timer);
      given?.removeEventListener('abort', onAbort);
    },
  };
}

/**
 * Waits for a promise that others may share, but no longer than the signal allows; the promise
 * itself goes on.
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    const releasing =
      <V>(settle: (value: V) => void) =>
      (value: V): void => {
        signal.removeEventListener('abort', onAbort);
        settle(value);
      };
    // Handles a rejection after the wait has ended too, which must not end the process.
    promise.then(releasing(resolve), releasing(reject));
  });
}

/**
 * Waits for the result of an application's own function, but no longer than the upload that needs
 * it may take.
 */
export function askApplication<T>(response: T | Promise<T>, signal: AbortSignal): Promise<T> {
  return untilAborted(Promise.resolve(response), signal);
}
