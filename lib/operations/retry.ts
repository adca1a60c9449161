import { setTimeout as delay } from 'node:timers/promises';
import { WxCloudStorageError } from '../errors/errors.js';
import type { ResolvedRetry } from '../options/resolved-options.js';

/**
 * 4xx statuses that do not reject the request itself: it was too slow, too early, or one of too
 * many.
 */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

/** True when the same request may succeed later, by its HTTP status. 501 is permanent. */
export function isTransientStatus(status: number): boolean {
  return (status >= 500 && status !== 501) || TRANSIENT_STATUSES.has(status);
}

/** True when an error says that the same call may succeed later. */
export function isRetryable(error: unknown): boolean {
  return error instanceof WxCloudStorageError && error.retryable;
}

/**
 * Returns the wait after the given attempt (counted from 1), in milliseconds: a random time from 0
 * to a ceiling that starts at `minDelayMs` and doubles up to `maxDelayMs`, so that callers that
 * failed together do not retry together.
 */
export function retryDelayMs(policy: ResolvedRetry, attempt: number, random = Math.random): number {
  return Math.min(policy.maxDelayMs, policy.minDelayMs * 2 ** (attempt - 1)) * random();
}

/**
 * Runs `work` until it succeeds, fails permanently, or the attempts are used up; rejects with the
 * last error. The signal ends the waits; an attempt in progress has to watch it by itself.
 */
export async function retry<T>(
  work: (attempt: number) => Promise<T>,
  policy: ResolvedRetry,
  signal: AbortSignal,
  mayRetry: (error: unknown) => boolean = isRetryable,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= policy.attempts || signal.aborted || !mayRetry(error)) throw error;
    }
    await pauseBeforeRetry(policy, attempt, signal);
  }
}

/**
 * Waits after the given attempt; rejects with the reason of the signal when it is aborted
 * meanwhile.
 */
export async function pauseBeforeRetry(
  policy: ResolvedRetry,
  attempt: number,
  signal: AbortSignal,
): Promise<void> {
  const ms = retryDelayMs(policy, attempt);
  await delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
