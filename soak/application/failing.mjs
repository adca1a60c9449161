import { setTimeout as delay } from 'node:timers/promises';
import { ConflictException, GoneException, RequestTimeoutException } from '@nestjs/common';
import { mergeMap, raceWith, throwError, timer } from 'rxjs';

/** The ways in which a handler fails on the client's request. */
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

/** Returns the result, or fails as the header demands. */
export function giveOrFail(request, response, result) {
  const fail = FAILURES[request.headers['x-soak-fail']];
  return fail === undefined ? result : fail(result, response);
}

/** The timeout of the impatient interceptor. */
const PATIENCE_MS = 40;

/** An interceptor outside of ours that abandons slow requests if the client asks for it. */
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
