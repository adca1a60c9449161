import { AsyncResource } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import type { ExecutionContext, NestInterceptor } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { describe, expect, it, jest } from '@jest/globals';
import { defer, finalize, lastValueFrom, NEVER, type Observable, of, throwError } from 'rxjs';
import { currentContext, provideContexts } from '../../../lib/http/request-context.js';

const contextOf = (type: string) => ({ getType: () => type }) as unknown as ExecutionContext;

/** Runs a handler behind the interceptor that an application gets. */
function run<T>(context: ExecutionContext, handler: () => Observable<T>): Observable<T> {
  const config = new ApplicationConfig();
  provideContexts(config);
  const [interceptor] = config.getGlobalInterceptors() as [NestInterceptor];
  return interceptor.intercept(context, { handle: () => defer(handler) }) as Observable<T>;
}

describe('provideContexts', () => {
  it('adds one interceptor, however many pipes an application has', () => {
    const config = new ApplicationConfig();
    provideContexts(config);
    provideContexts(config);
    expect(config.getGlobalInterceptors()).toHaveLength(1);
  });

  it('shows each request its own context, also later', async () => {
    const contexts = [contextOf('http'), contextOf('http')];
    const handle = async () => {
      const before = currentContext();
      await setImmediate();
      return [before, currentContext()];
    };
    const seen = await Promise.all(
      contexts.map(context => lastValueFrom(run(context, () => defer(handle)))),
    );
    expect(seen[0]?.every(one => one === contexts[0])).toBe(true);
    expect(seen[1]?.every(one => one === contexts[1])).toBe(true);
    expect(currentContext()).toBeUndefined();
  });

  it('shows none to a message handler, even one that is called within a request', async () => {
    const inner = () => lastValueFrom(run(contextOf('rpc'), () => of(currentContext())));
    const seen = await lastValueFrom(
      run(contextOf('http'), () => defer(async () => [await inner()])),
    );
    expect(seen).toEqual([undefined]);
  });

  it.each<[string, () => Observable<unknown>]>([
    ['a result', () => of(1)],
    ['an error', () => throwError(() => new Error('x'))],
  ])('shows none once there is %s, to what the handler left behind', async (_, result) => {
    const seen: unknown[] = [];
    let later = (): unknown => 'not called';
    const handler = (): Observable<unknown> => {
      later = AsyncResource.bind(currentContext);
      seen.push(later());
      return result();
    };
    const context = contextOf('http');
    await lastValueFrom(run(context, handler)).catch(() => {});
    expect([...seen, later()]).toEqual([context, undefined]);
  });

  it('ends the handler when its result is no longer wanted', () => {
    const onEnd = jest.fn();
    run(contextOf('http'), () => NEVER.pipe(finalize(onEnd)))
      .subscribe()
      .unsubscribe();
    expect(onEnd).toHaveBeenCalledTimes(1);
  });
});
