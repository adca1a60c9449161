import { Observable } from 'rxjs';
import type { StoredFiles } from './stored-files.js';

/**
 * Removes the request's files when the handler's result fails, before the error goes on; and when the result is given
 * up before it had a value, as an outer interceptor's timeout does.
 */
export function keepOnSuccess<T>(
  files: StoredFiles,
  toError: (error: unknown) => unknown,
): (source: Observable<T>) => Observable<T> {
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
          void files.fail().then(() => subscriber.error(toError(error)));
        },
        complete: () => {
          isDecided = true;
          subscriber.complete();
        },
      });
      return () => {
        subscription.unsubscribe();
        if (!isDecided) void files.fail();
      };
    });
}
