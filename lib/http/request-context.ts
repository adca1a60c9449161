import { AsyncLocalStorage } from 'node:async_hooks';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';
import { Observable } from 'rxjs';

/** The request that a handler is called for; emptied when its result is there. */
interface Current {
  context: ExecutionContext | undefined;
}

const current = new AsyncLocalStorage<Current>();
/** The applications whose requests are known. */
const prepared = new WeakSet<ApplicationConfig>();

/**
 * Lets the pipes of an application find their request; Nest gives them none. They stay singletons,
 * which pipes that inject `REQUEST` are not: these make their controllers request-scoped as well.
 * Does nothing once the routes of the application are registered.
 */
export function provideContexts(config: ApplicationConfig): void {
  if (prepared.has(config)) return;
  prepared.add(config);
  config.addGlobalInterceptor(new ContextInterceptor());
}

/** Returns the context of the HTTP request whose pipes run; undefined for none. */
export function currentContext(): ExecutionContext | undefined {
  return current.getStore()?.context;
}

/** Surrounds everything that runs between the guards and the response of a request. */
class ContextInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    // A message handler may be called while an HTTP request is handled.
    const isHttp = context.getType() === 'http';
    return new Observable(subscriber => {
      const running: Current = { context: isHttp ? context : undefined };
      const subscription = current.run(running, () => next.handle().subscribe(subscriber));
      return () => {
        subscription.unsubscribe();
        // Connections and timers that the handler leaves behind must not keep the request.
        running.context = undefined;
      };
    });
  }
}
