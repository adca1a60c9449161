import { isTokenCallError } from '../credentials/index.js';
import { isRetryable, retry } from '../transport/index.js';
import type { StorageFoundation } from './storage-foundation.js';

/** What is repeated. */
export interface RepeatedWork<T> {
  /** One try. */
  readonly work: () => Promise<T>;
  /** Ends the tries. */
  readonly signal: AbortSignal;
  /** Whether another try is possible at all. @defaultValue always */
  readonly canRepeat?: () => boolean;
}

/**
 * Runs the tries of one operation. A failed token call does not count as transient here: all operations share its own
 * tries, which would be multiplied otherwise.
 */
export function repeat<T>(
  { options }: Pick<StorageFoundation, 'options'>,
  { work, signal, canRepeat = () => true }: RepeatedWork<T>,
): Promise<T> {
  return retry(work, {
    policy: options.retry,
    signal,
    isRetryable: error => isRetryable(error) && !isTokenCallError(error) && canRepeat(),
  });
}
