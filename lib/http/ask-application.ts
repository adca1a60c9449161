import { untilAborted } from '../transport/index.js';

/** Waits for the answer of an application's own function, but no longer than the upload that it is asked for may take. */
export function askApplication<T>(answer: T | Promise<T>, signal: AbortSignal): Promise<T> {
  return untilAborted(Promise.resolve(answer), signal);
}
