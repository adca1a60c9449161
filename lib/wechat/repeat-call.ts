import { isRetryable, retry } from '../operations/retry.js';
import type { ResolvedRetry } from '../options/resolved-options.js';
import { isTokenCallError } from './tokens/token-fetcher.js';

/** What is repeated. */
interface RepeatedWork<T> {
  /** One try. */
  readonly work: () => Promise<T>;
  /** Ends the tries. */
  readonly signal: AbortSignal;
  /** True when another try is possible at all. @defaultValue always */
  readonly canRepeat?: () => boolean;
}

/**
 * Tells whether an operation is to be tried again. A failed token call does not count as transient:
 * all operations share its own tries, which would be multiplied otherwise.
 */
export function isTransient(error: unknown): boolean {
  return isRetryable(error) && !isTokenCallError(error);
}

/** Runs the tries of one operation. */
export function repeat<T>(
  policy: ResolvedRetry,
  { work, signal, canRepeat = () => true }: RepeatedWork<T>,
): Promise<T> {
  return retry(work, {
    policy,
    signal,
    isRetryable: error => isTransient(error) && canRepeat(),
  });
}
