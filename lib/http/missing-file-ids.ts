import type { ExecutionContext, Type } from '@nestjs/common';
import { isMultipart } from '../form/index.js';
import { countEngines, type UploadFacts } from './enhancers.js';
import { toLoggedException } from './failure-log.js';
import { rawRequestOf } from './request-origin.js';
import { RequestNote } from './request-note.js';
import { filesElsewhere, noInterceptor, takesField, unknownField } from './route-misuse.js';
import { isLeftOver, namesUpload } from './routes.js';

const notedInterceptor = new RequestNote<UploadFacts>('interceptor');

/** Notes that one of our interceptors has read the form of a request. */
export function noteInterceptor(request: object, facts: UploadFacts): void {
  notedInterceptor.write(request, facts);
}

/** A decorator that has found no file ID. */
interface EmptyHand {
  readonly decorator: { readonly name: string; readonly factory: unknown };
  readonly field: string | undefined;
  readonly request: object;
  readonly context: ExecutionContext;
  /** There are files, but without file IDs. */
  readonly hasOthers: boolean;
}

/**
 * Makes sure that a request had no file to give an ID of, and that it is not the handler which
 * lacks an interceptor.
 * @throws `HttpException` 500, which is logged, when it is
 */
export function assertHasNoFile(empty: EmptyHand): void {
  const error = findMisuse(empty);
  if (error !== undefined) throw toLoggedException(error, empty.request) as Error;
}

type Handler = ReturnType<ExecutionContext['getHandler']>;

function findMisuse(empty: EmptyHand): ReturnType<typeof noInterceptor> | undefined {
  const { field, request, context, hasOthers } = empty;
  const { name: decorator, factory } = empty.decorator;
  // A test that calls a decorator's function by itself may have no handler, or not even the
  // methods.
  const { getClass, getHandler }: Partial<ExecutionContext> = context;
  const controller: Type | null | undefined = getClass?.call(context);
  const handler: Handler | null | undefined = getHandler?.call(context);
  if (!controller || !handler) return undefined;
  if (isLeftOver(controller, handler.name, { factory, data: field })) return undefined;
  const route = `${controller.name}.${handler.name}`;
  const noted = notedInterceptor.read(request);
  if (noted !== undefined) {
    const isTaken = takesField(noted, field);
    return isTaken ? undefined : unknownField(route, decorator, field ?? '', [noted]);
  }
  if (hasOthers) return filesElsewhere(route, decorator, field);
  // A test may have put something else in the place of our interceptor.
  if (namesUpload(controller, handler)) return undefined;
  return isWithoutParser(request) ? noInterceptor(route, decorator, field) : undefined;
}

/**
 * True when no form parser with our engine can have seen the request; one without a form tells
 * nothing.
 */
function isWithoutParser(request: object): boolean {
  if (countEngines() === 0) return true;
  const raw = rawRequestOf(request);
  return isMultipart(raw.headers['content-type']) && !raw.readableDidRead;
}
