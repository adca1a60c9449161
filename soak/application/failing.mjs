import { setTimeout as delay } from 'node:timers/promises';
import { ConflictException, GoneException, RequestTimeoutException } from '@nestjs/common';
import { mergeMap, raceWith, throwError, timer } from 'rxjs';

/** How a handler fails when the client asks for it. */
const FAILURES = {
  throws: () => {
    throw new Error('The handler of the soak throws.');
  },
  rejects: async () => {
    await delay(10);
    throw new Error('The handler of the soak rejects.');
  },
  refuses: () => {
    throw new ConflictException();
  },
  observable: () => throwError(() => new GoneException()),
  'answers 422': (result, response) => {
    response.status(422);
    return result;
  },
};

/** Gives the result, or fails as the header asks. */
export function giveOrFail(request, response, result) {
  const fail = FAILURES[request.headers['x-soak-fail']];
  return fail === undefined ? result : fail(result, response);
}

/** How long the impatient interceptor waits. */
const PATIENCE_MS = 40;

/** Outside of ours: gives requests up that take long, where the client asks for it. */
export class ImpatientInterceptor {
  intercept(context, next) {
    const { headers } = context.switchToHttp().getRequest();
    if (headers['x-soak-fail'] !== 'outer timeout') return next.handle();
    const timeIsUp = timer(PATIENCE_MS).pipe(
      mergeMap(() => throwError(() => new RequestTimeoutException())),
    );
    return next.handle().pipe(raceWith(timeIsUp));
  }
}
