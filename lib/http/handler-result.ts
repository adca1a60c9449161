import { StreamableFile } from '@nestjs/common';
import { concatMap, from, Observable, of } from 'rxjs';
import type { UploadTransaction } from './upload-transaction.js';

/**
 * Commits the request's files before the first value of the handler is passed on, where that is
 * due, and deletes them when its result fails, before the error is passed on. `isEventStream` is
 * true for the events of `@Sse()`.
 */
export function decideByResult<T>(
  result: Observable<T>,
  transaction: UploadTransaction,
  toError: (error: unknown) => unknown,
  isEventStream = false,
): Observable<T> {
  const committed = transaction.isCommitDue ? commitBeforeValue(result, transaction) : result;
  return committed.pipe(rollBackOnError(transaction, toError, isEventStream));
}

/**
 * A handler without a value may send its response later, which is then held. So is the response of
 * a stream: it may fail before somebody else listens.
 */
function commitBeforeValue<T>(
  result: Observable<T>,
  transaction: UploadTransaction,
): Observable<T> {
  return result.pipe(
    concatMap(value => {
      if (value === undefined || isStream(value) || !transaction.isCommitDue) return of(value);
      return from(transaction.commit().then(() => value));
    }),
  );
}

/** True for a value that an adapter sends as a stream. */
function isStream(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof StreamableFile || value instanceof Response) return true;
  const { pipe, getReader } = value as { readonly pipe?: unknown; readonly getReader?: unknown };
  return typeof pipe === 'function' || typeof getReader === 'function';
}

/**
 * Deletes the request's files when the handler's result fails, before the error is passed on, and
 * when the subscriber unsubscribes before the first value, as an outer interceptor with a timeout
 * does.
 */
export function rollBackOnError<T>(
  transaction: UploadTransaction,
  toError: (error: unknown) => unknown,
  isEventStream = false,
): (source: Observable<T>) => Observable<T> {
  // Nest has sent the head before the handler has run, and sends the error as an event.
  const fail = (): Promise<void> =>
    isEventStream ? transaction.rollBack() : transaction.failHandler();
  const leave = (): Promise<void> =>
    isEventStream ? transaction.rollBack() : transaction.rollBackUnlessBegun();
  return source =>
    new Observable<T>(subscriber => {
      let isDecided = false;
      const subscription = source.subscribe({
        next: value => {
          isDecided = true;
          subscriber.next(value);
        },
        error: (error: unknown) => {
          isDecided = true;
          void fail().then(() => subscriber.error(toError(error)));
        },
        complete: () => {
          isDecided = true;
          subscriber.complete();
        },
      });
      return () => {
        subscription.unsubscribe();
        if (!isDecided) void leave();
      };
    });
}
